"""The bodies, answers and events of HTTP, except posts, as structs. The OpenAPI document is made from them too."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tweetream.models.alert import MAX_LABEL, MOST_FACTOR, MOST_LEAST, MOST_MINUTES
from tweetream.models.feed import FeedEntry
from tweetream.models.topic import MAX_TERM, MAX_TERMS

NAME: dict[str, Any] = {
    "type": "string",
    "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$",
    "maxLength": 64,
    "description": "a topic's name",
}
TRACK: dict[str, Any] = {
    "items": {"type": "string", "minLength": 1, "maxLength": MAX_TERM},
    "minItems": 1,
    "maxItems": MAX_TERMS,
    "description": "words and phrases, matched as whole words, upper or lower case; `banjir*` and `*banjir*` match "
    "parts of words, `macet & tol` both, `macet -tol` one without the other, `*` every post",
}
# For the document alone: the functions that check a name or a track give better messages than msgspec.
Name = Annotated[str, Meta(extra_json_schema=NAME)]
Track = Annotated[list[str], Meta(extra_json_schema=TRACK)]
Back = Annotated[
    str,
    Meta(
        description="how far back to look in the archive, such as `12h` or `7d`; 1m to 3650d",
        extra_json_schema={"pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(s|m|h|d|)\s*$"},
    ),
]
PositionText = Annotated[str, Meta(description="a position in a feed; opaque")]
Time = Annotated[str, Meta(description="RFC 3339 in UTC with milliseconds", extra_json_schema={"format": "date-time"})]
Labels = Annotated[dict[str, Annotated[int, Meta(ge=0)]], Meta(description="number of posts, by label")]


class ProblemAnswer(msgspec.Struct):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class AlertBody(msgspec.Struct, forbid_unknown_fields=True):
    """When a topic gives an alert: at `every` post, or at a `surge`. Without `label`, posts of all labels count.

    A surge is `factor` times the usual number of posts in `minutes` (3 and 10 by default), and at least `least` posts
    (10). What is usual is the mean of the rest of the last hour. These three belong to a surge alone. In the `quiet`
    hours of the day, by the clock of `zone`, there is no alert.
    """

    when: Literal["every", "surge"]
    label: Annotated[str | None, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_LABEL})] = None
    factor: Annotated[float | None, Meta(extra_json_schema={"exclusiveMinimum": 1, "maximum": MOST_FACTOR})] = None
    minutes: Annotated[int | None, Meta(extra_json_schema={"minimum": 1, "maximum": MOST_MINUTES})] = None
    least: Annotated[int | None, Meta(extra_json_schema={"minimum": 1, "maximum": MOST_LEAST})] = None
    quiet: Annotated[
        str | None, Meta(extra_json_schema={"pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"})
    ] = None
    zone: Annotated[str, Meta(extra_json_schema={"maxLength": 64})] = "UTC"


class TopicBody(msgspec.Struct, forbid_unknown_fields=True):
    """The topic to add. Without `track` it tracks its own name. With `backfill`, stored posts come first.

    `alert` is the rule for alerts to TWEETREAM_ALERT_URL.
    """

    name: Name
    track: Track | None = None
    backfill: Back | None = None
    alert: AlertBody | None = None


class EditBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a topic shall have instead: one of these, or both. Its feed, and the posts in it, stay.

    The words of `track` count from now on. `alert` is the rule for alerts to TWEETREAM_ALERT_URL; null takes it away.
    """

    track: Track | msgspec.UnsetType = msgspec.UNSET
    alert: AlertBody | None | msgspec.UnsetType = msgspec.UNSET


class BackfillAnswer(msgspec.Struct):
    """The stored posts that a topic was to get first: those received from `since` on.

    While it is `running`, live posts wait. Then `posts` says how many stored ones are in the feed. `reason` says what
    to do if it `failed`, or if there are none.
    """

    since: Time
    state: Literal["running", "done", "failed"]
    posts: Annotated[int, Meta(ge=0)] | None
    reason: str | None


class TopicAnswer(msgspec.Struct):
    """A topic and its counts. `kafka_topic` has another name each time the topic is added.

    `problem` is there while Kafka cannot write the topic's feed, and says what to do.
    `alert` is there if the topic has a rule for alerts, `backfill` if it was added with one. `alert_problem` is there
    while the alerts of the rule are not sent, and says what to do.
    """

    name: Name
    track: list[str]
    created_at: Time
    kafka_topic: str
    posts: Labels
    problem: str | msgspec.UnsetType = msgspec.UNSET
    alert: AlertBody | msgspec.UnsetType = msgspec.UNSET
    backfill: BackfillAnswer | msgspec.UnsetType = msgspec.UNSET
    alert_problem: str | msgspec.UnsetType = msgspec.UNSET


class AlertsAnswer(msgspec.Struct):
    """Whether the alerts of topics' rules are sent. If not, `reason` says what to do."""

    sends: bool
    reason: str | None


class ArchiveAnswer(msgspec.Struct):
    """The archive that this worker reads. `lag` are the records of the feeds that it lacked at `seen_at`.

    That is when its archiver last said so. `behind` is a lag of 10,000 or more. An archiver is `stopped` when it was
    silent for 15 s. The archive is `missing` when none has written it yet, and `none` says that the worker
    has no archive. `reason` says what to do.
    """

    kind: str | None
    state: Literal["none", "archiving", "behind", "stopped", "missing", "unreachable"]
    lag: Annotated[int, Meta(ge=0)] | None
    seen_at: Time | None
    reason: str | None


class PreviewPost(msgspec.Struct):
    """A post of the last hour that the track matches, before any label. `created_at` is null if it is not known."""

    id: str
    source: str
    url: str
    author: str
    text: str
    lang: str
    created_at: Time | None
    received_at: Time


class PreviewAnswer(msgspec.Struct):
    """What a track would have matched in the last hour, with up to five of these posts, newest first.

    `warnings` names each term that can match nothing, and says so if `matches` is an estimate.
    """

    matches: Annotated[int, Meta(ge=0)]
    posts: Annotated[list[PreviewPost], Meta(max_length=5)]
    warnings: list[str]


class ChangeAnswer(msgspec.Struct):
    """A change of a topic. `by` is the name of a token, `token` (TWEETREAM_API_TOKEN), `loopback` or `settings`."""

    at: Time
    by: str
    address: Annotated[str, Meta(description="the client's address; the worker's name for `settings`")] = msgspec.field(
        name="from"
    )
    what: Literal["add", "edit", "delete"]
    topic: Name


class ClassifyBody(msgspec.Struct, forbid_unknown_fields=True):
    """The texts of posts, as their authors wrote them."""

    texts: Annotated[list[str], Meta(max_length=100)]


class ClassifyAnswer(msgspec.Struct):
    """A label and its probability; both are null where the model is unsure. `scores` has all labels, if asked for.

    `decision` is the sum of `bias` and the weights of `words`; a higher one favours the label. The words are in the
    order of the text, in the form that the classifier reads: in lower case, with abbreviations written out and
    lengthened words shortened.
    """

    label: str | None
    score: Annotated[float, Meta(ge=0, le=1)] | None
    decision: float
    bias: float
    words: list[tuple[str, float]]
    scores: dict[str, float] | None | msgspec.UnsetType = msgspec.UNSET


class ModelAnswer(msgspec.Struct):
    """The model that classifies the posts: its labels, and the least score that a label needs."""

    name: str
    sha256: str
    labels: list[str]
    threshold: Annotated[float, Meta(ge=0, le=1)]


class PastPost(FeedEntry):
    """A post and its position."""

    position: PositionText


class SearchPost(FeedEntry):
    """A post of the archive, with all its topics; `topic` is the requested one, or the first."""

    topics: list[Name]
    position: PositionText


class SearchAnswer(msgspec.Struct):
    """A page of a search, newest first.

    `before` gives the page of older posts; it is null when there are none. `after` is the position of the newest post
    here.
    """

    posts: list[SearchPost]
    before: PositionText | None
    after: PositionText | None


class GapEvent(msgspec.Struct):
    """Posts of a topic are missing: `from` is the requested position, `to` the first one that is there."""

    topic: Name
    start: PositionText = msgspec.field(name="from")
    end: PositionText = msgspec.field(name="to")


class DeletedEvent(msgspec.Struct):
    """The topic was deleted; the stream has no more posts of it."""

    topic: Name


class RetractedEvent(msgspec.Struct):
    """The network says that the post was deleted: remove it."""

    topic: Name
    id: str


class PositionEvent(msgspec.Struct):
    """The id is the position of the stream: at its start, and after posts that did not pass the filter."""


class PageAnswer(msgspec.Struct):
    """A page of posts, newest last.

    `before` gives the page of older posts, `after` the page of newer posts. `before` is null when there are no older
    posts. `after` is the requested one when there are no newer posts yet; it is null while the feed has no post.
    When few posts pass the filter, a page may have fewer posts than requested, or none, though more exist.
    `gap` is set when a requested position is not in the feed (any more).
    """

    posts: list[PastPost]
    before: PositionText | None
    after: PositionText | None
    gap: GapEvent | msgspec.UnsetType = msgspec.UNSET


class SourceAnswer(msgspec.Struct):
    """A source: its state, the reason when it does not stream, and the time of the next try.

    `posts` counts all posts that it gave, `posts_per_minute` those of the last minute. A `refused` source is not tried
    again. A source that has `ended` gave all its posts.
    """

    url: Annotated[str, Meta(description="without name and password")]
    state: Literal["connecting", "streaming", "backing-off", "refused", "ended"]
    reason: str
    posts: Annotated[int, Meta(ge=0)]
    posts_per_minute: Annotated[int, Meta(ge=0)]
    last_post_at: Time | None
    reconnects: Annotated[int, Meta(ge=0)]
    retry_at: Time | None
    time_unknown: Annotated[int, Meta(ge=0, description="posts whose own time cannot be read")]


class MinuteAnswer(msgspec.Struct):
    """The number of posts in a minute."""

    minute: Time
    labels: Labels
    sources: Annotated[dict[str, Annotated[int, Meta(ge=0)]], Meta(description="the same posts, by source")]
