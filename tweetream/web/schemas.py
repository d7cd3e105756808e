"""What travels over HTTP besides posts: bodies, answers and events, as structs that make the OpenAPI document too."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

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
    "description": "words and phrases, matched as whole words in any case; `*` matches every post",
}
# For the document alone: what is wrong with a name or a track is said better by those who check them.
Name = Annotated[str, Meta(extra_json_schema=NAME)]
Track = Annotated[list[str], Meta(extra_json_schema=TRACK)]
Place = Annotated[str, Meta(description="a position in a feed; opaque")]
Time = Annotated[str, Meta(description="RFC 3339 in UTC with milliseconds", extra_json_schema={"format": "date-time"})]
Labels = Annotated[dict[str, Annotated[int, Meta(ge=0)]], Meta(description="how many posts, by label")]


class ProblemAnswer(msgspec.Struct):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class TopicBody(msgspec.Struct, forbid_unknown_fields=True):
    """The topic that is to be there; it tracks its own name if nothing else is said."""

    name: Name
    track: Track | None = None


class TopicAnswer(msgspec.Struct):
    """A topic and its counts; `kafka_topic` is another one each time the topic is made."""

    name: Name
    track: list[str]
    created_at: Time
    kafka_topic: str
    posts: Labels


class ClassifyBody(msgspec.Struct, forbid_unknown_fields=True):
    """Posts as they were written."""

    texts: Annotated[list[str], Meta(max_length=100)]


class ClassifyAnswer(msgspec.Struct):
    """A label and its probability; `decision` speaks for it and is `bias` and the weights of `words`, added up.

    The words are those that the classifier sees, in their order: folded, abbreviations and lengthening resolved.
    """

    label: str
    score: Annotated[float, Meta(ge=0, le=1)]
    decision: float
    bias: float
    words: list[tuple[str, float]]


class PastPost(FeedEntry):
    """A post and its position."""

    position: Place


class GapEvent(msgspec.Struct):
    """Posts of a topic are missing: `from` is the position that was asked for, `to` the first that is there."""

    topic: Name
    start: Place = msgspec.field(name="from")
    end: Place = msgspec.field(name="to")


class DeletedEvent(msgspec.Struct):
    """The topic is gone, and its part of the stream is at its end."""

    topic: Name


class RetractedEvent(msgspec.Struct):
    """A post is to be taken away again."""

    topic: Name
    id: str


class PositionEvent(msgspec.Struct):
    """Nothing came that the filter lets pass; the event's id is where the stream is."""


class PageAnswer(msgspec.Struct):
    """A page of posts, newest last.

    `before` and `after` are where the pages beside it end and begin. `before` is null when nothing lies ahead of this
    page. `after` stays as it was asked for when nothing came since; it is null as long as the feed has no post.
    A page may have fewer posts than asked for, or none, with more beyond, when few pass the filter.
    `gap` is there when a position that was given is not in the feed (any more).
    """

    posts: list[PastPost]
    before: Place | None
    after: Place | None
    gap: GapEvent | msgspec.UnsetType = msgspec.UNSET


class SourceAnswer(msgspec.Struct):
    """How a source does: what it does now, why it does not stream, and when it is tried again.

    `posts` are all that it gave, `posts_per_minute` those of the last minute. A source that is `refused` is not tried
    again; one that has `ended` gave all it had.
    """

    url: Annotated[str, Meta(description="without name and password")]
    state: Literal["connecting", "streaming", "backing-off", "refused", "ended"]
    reason: str
    posts: Annotated[int, Meta(ge=0)]
    posts_per_minute: Annotated[int, Meta(ge=0)]
    last_post_at: Time | None
    reconnects: Annotated[int, Meta(ge=0)]
    retry_at: Time | None


class MinuteAnswer(msgspec.Struct):
    """The posts of a minute."""

    minute: Time
    labels: Labels
    sources: Annotated[dict[str, Annotated[int, Meta(ge=0)]], Meta(description="the same posts, by source")]
