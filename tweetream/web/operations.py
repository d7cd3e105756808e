"""Every HTTP operation in one table: what it takes and what it answers. `openapi.py` makes the document from it.

To add a call, add an entry to OPERATIONS; a test compares this table with the routes. HEAD needs no entry. A parameter
of the query that an operation does not name is refused, so the document cannot leave one out.
"""

from typing import Any

from tweetream.web import archive_operations
from tweetream.web.operation import (
    POSITION,
    POSITION_OR_EMPTY,
    Operation,
    Parameter,
    label,
    min_score,
    name,
    since,
    whole,
)
from tweetream.web.schemas import (
    NAME,
    AlertsAnswer,
    ChangeAnswer,
    ClassifyAnswer,
    ClassifyBody,
    EditBody,
    MinuteAnswer,
    ModelAnswer,
    PageAnswer,
    PreviewAnswer,
    SourceAnswer,
    TopicAnswer,
    TopicBody,
)

PAGES = """The newest posts, in the order in which they came. `before` and `after` take the value of the same name in an
answer, a post's `position`, or the id of a stream's event. `before` alone gives the newest posts before that position.
`after` gives the oldest posts after that position. Both give the oldest posts between them.

To read backwards, send the answer's `before` until it is null: then there are no older posts. To read forwards, send
the answer's `after`. You have caught up when an answer has no posts and the same `after` as you sent. An answer with
fewer posts than `last`, or with none, is not the end. When few posts pass the filter, a page stops after some 20,000
posts, and earlier when its address has searched many: go on from its `before` or `after`. A page has 2 MiB of posts at
most. Each post comes once, also while new posts arrive. One address may ask for 1,000 pages at once and 50 a second;
more get 429.

An answer has `gap`, as streams do, when retention has deleted the position, or when its topic was deleted and added
again. The page then begins (`after`) or ends (`before`) at the nearest position in the feed."""

EVENTS = """Each post is an event without a name; its data is a FeedEntry. The id of an event is the position of the
whole stream. To resume right after an event, send its id in `Last-Event-ID` or `last_event_id`. The header wins over
the query, a position over `since`, `since` over `last`. Without any of them a stream begins with the next new post.
Other events have names: `gap` (posts of a topic are missing), `deleted` (a topic was deleted; after the last topic the
stream ends), `retracted` (remove this post) and `position` (the id moves on, though no post passes the filter). After
15 s without an event the stream sends a comment. 204 means that all topics were deleted: do not reconnect."""

OPERATIONS: dict[str, dict[str, Operation]] = {
    "/": {"get": Operation("The page", {200: "text/html", 304: None}, public=True, any_query=True)},
    "/static/{path}": {
        "get": Operation(
            "The page's files",
            {200: "*/*", 304: None},
            (Parameter("path", "path", {"type": "string", "minLength": 1}, "the file, with its folder"),),
            (404,),
            public=True,
            any_query=True,
        )
    },
    "/session": {
        "post": Operation(
            "Let this browser read",
            {204: None},
            problems=(401, 403),
            token=True,
            about="Sets a cookie that scripts cannot see. It allows reading, also by EventSource, and no change. It "
            "ends with the browser's session, and when the token is taken away.",
        ),
        "delete": Operation("End that", {204: None}, public=True),
    },
    "/topics": {
        "get": Operation(
            "All topics, by name",
            {200: list[TopicAnswer], 304: None},
            problems=(503,),
            about="With the ETag of an earlier answer in If-None-Match, the answer is 304 if nothing has changed.",
        ),
        "post": Operation(
            "Add a topic",
            {200: (TopicAnswer, PreviewAnswer), 201: TopicAnswer},
            (
                Parameter(
                    "dry_run",
                    "query",
                    {"type": "boolean", "default": False},
                    "make nothing, and answer what the track would have matched in the last hour",
                ),
            ),
            (400, 401, 403, 404, 409, 413, 415, 429, 503),
            body=TopicBody,
            token=True,
            about="201: this request added the topic, and this worker can serve it. 200: the topic exists with the "
            "same track. 409: it exists with another track, or the worker has as many topics as "
            "its settings allow. 503: the change timed out after 15 s and may still be "
            "applied; it is safe to send the request again. "
            "429: this token, or without one this address, makes too many changes. "
            "With dry_run=true nothing is made, and 200 has a PreviewAnswer. "
            "With `backfill`, the feed first gets the posts of the archive that match, once, with their times; live "
            "posts wait until then. The answer does not wait: `backfill` of GET /topics/{name} says how far it is. 404 "
            "says that this worker has no archive, 503 that it cannot be read now, 409 that the topic is there without "
            "this backfill.",
        ),
    },
    "/topics/{name}": {
        "get": Operation("One topic", {200: TopicAnswer}, (name,), (400, 404, 503)),
        "patch": Operation(
            "Change the words of a topic, or its rule for alerts",
            {200: TopicAnswer},
            (name,),
            (400, 401, 403, 404, 409, 413, 415, 429, 503),
            body=EditBody,
            token=True,
            about="The words count for posts that are read from now on. The feed, the positions in it and the counts "
            "stay. 409: all topics together would track more than the settings allow. 503: the change timed out after "
            "15 s and may still be applied; it is safe to send the request again.",
        ),
        "delete": Operation("Delete a topic", {204: None}, (name,), (400, 401, 403, 404, 429, 503), token=True),
    },
    "/alerts": {
        "get": Operation(
            "Whether alerts are sent",
            {200: AlertsAnswer},
            about="A topic's rule can be set before that; the topic then has `alert_problem`.",
        )
    },
    "/changes": {
        "get": Operation(
            "Who changed which topic, newest last",
            {200: list[ChangeAnswer]},
            (Parameter("last", "query", whole(1, 1000, 100), "the largest number of changes"),),
            (400, 401, 403, 503),
            token=True,
            about="Changes are kept for 90 days. A token needs the role `admin` to see them.",
        )
    },
    "/topics/{name}/posts": {
        "get": Operation(
            "Older posts of a topic, in pages",
            {200: PageAnswer},
            (
                name,
                Parameter("last", "query", whole(1, 1000, 100), "the largest number of posts in the page"),
                Parameter("before", "query", POSITION, "the page that ends right before this position"),
                Parameter("after", "query", POSITION, "the page that starts right after this position"),
                since,
                label,
                min_score,
            ),
            (400, 404, 429, 503),
            about=PAGES,
        )
    },
    "/topics/{name}/stats": {
        "get": Operation(
            "Posts per minute, by label and by source",
            {200: list[MinuteAnswer]},
            (
                name,
                Parameter("minutes", "query", whole(0, 60, 60), "number of minutes, up to the current one"),
                Parameter("since", "query", since.schema, "from the archive, from this time on; default: a day ago"),
                Parameter("until", "query", since.schema, "from the archive, up to this time; default: now"),
                Parameter(
                    "step",
                    "query",
                    {"enum": ["minute", "hour", "day"], "default": "hour"},
                    "from the archive, posts per minute, hour or day (UTC)",
                ),
            ),
            (400, 404, 429, 503),
            about="With since, until or step the numbers are those of the archive, and `minute` is the start of a "
            "step. 404 then also says that the worker has no archive.",
        )
    },
    "/feeds/{names}": {
        "get": Operation(
            "Stream topics as Server-Sent Events",
            {200: "text/event-stream", 204: None},
            (
                Parameter(
                    "names",
                    "path",
                    {"type": "array", "items": NAME, "minItems": 1, "maxItems": 20},
                    "the topics",
                    commas=True,
                ),
                Parameter("last", "query", whole(0, 1000, 0), "begin with this many of the newest posts of each topic"),
                since,
                Parameter("last_event_id", "query", POSITION_OR_EMPTY, "resume right after this event"),
                Parameter("Last-Event-ID", "header", POSITION_OR_EMPTY, "resume right after this event"),
                label,
                min_score,
            ),
            (400, 404, 429, 503),
            about=EVENTS,
        )
    },
    "/sources": {
        "get": Operation(
            "The state of each source",
            {200: list[SourceAnswer]},
            problems=(503,),
            about="One worker reads all sources. Every worker knows their state, at most a second later.",
        )
    },
    "/classify": {
        "post": Operation(
            "Classify texts and explain the labels",
            {200: list[ClassifyAnswer]},
            (Parameter("scores", "query", {"type": "boolean", "default": False}, "also the scores of all labels"),),
            problems=(400, 403, 413, 415, 429, 503),
            body=ClassifyBody,
            about="One answer for each text, in the same order, from the model that classifies the feeds. A text has "
            "64 KiB at most. One address may make 200 calls at once and 20 a second; more get 429. If 16 calls wait, "
            "further ones get 503.",
        )
    },
    "/model": {
        "get": Operation(
            "The model that classifies the posts",
            {200: ModelAnswer},
            problems=(400, 503),
            about="A post whose score is below `threshold` is unsure: its label and score are null.",
        )
    },
    "/openapi.json": {"get": Operation("This document", {200: dict[str, Any]})},
    "/livez": {
        "get": Operation(
            "Whether the worker lives, or can only be started again",
            {200: "text/plain"},
            problems=(503,),
            public=True,
            any_query=True,
        )
    },
    "/readyz": {
        "get": Operation(
            "Whether the worker is ready for clients",
            {200: "text/plain"},
            problems=(503,),
            public=True,
            any_query=True,
        )
    },
    "/metrics": {"get": Operation("Metrics for Prometheus", {200: "text/plain"}, problems=(404,), any_query=True)},
} | archive_operations.OPERATIONS
