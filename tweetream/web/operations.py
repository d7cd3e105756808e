"""Every call there is, one next to another: what it takes and what it answers. `openapi.py` makes the document of it.

To add a page, add an entry to OPERATIONS; a test compares this table with the routes of a running worker. HEAD is
what GET is, without a body, and needs no entry.
"""

from typing import Any

import msgspec

from tweetream.web.schemas import (
    NAME,
    ClassifyAnswer,
    ClassifyBody,
    MinuteAnswer,
    PageAnswer,
    SourceAnswer,
    TopicAnswer,
    TopicBody,
)

Schema = dict[str, Any]


class Parameter(msgspec.Struct, frozen=True):
    """Something in the path, the query or a header."""

    name: str
    place: str
    schema: Schema
    about: str
    commas: bool = False  # a list, separated by commas


class Operation(msgspec.Struct, frozen=True):
    """A call. `ok` has the type of a JSON answer, or a media type in words, or None for no body, by status.

    `problems` are the statuses of problem+json that it can answer.
    """

    summary: str
    ok: dict[int, Any]
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()
    body: type | None = None
    token: bool = False  # whether it changes something
    about: str = ""


_PLACE = "[a-z0-9][a-z0-9_-]{0,63}@[0-9a-z]{1,13}:[0-9]{1,18}"
PLACE: Schema = {"type": "string", "pattern": f"^{_PLACE}(,{_PLACE})*$"}
PLACE_OR_NONE: Schema = {"type": "string", "pattern": f"^({_PLACE}(,{_PLACE})*)?$"}  # as some clients begin


def whole(least: int, most: int, default: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


name = Parameter("name", "path", NAME, "the topic")
label = Parameter("label", "query", {"type": "string"}, "only posts with this label")
min_score = Parameter(
    "min_score",
    "query",
    {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
    "only posts whose score, the probability of their label, is at least this; in digits, without an exponent",
)
since = Parameter(
    "since",
    "query",
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}]},
    "only posts that arrived at this time or later: ISO 8601, or milliseconds since 1970",
)


PAGES = """The newest posts, the oldest first. `before` and `after` take what an answer had under these names, or a
post's `position`, or the id of a stream's event. With `before` alone it is the newest posts ahead of that position,
with `after` the oldest behind it, with both the oldest between them.

To read backwards, ask with `before` until the answer's `before` is null: then nothing lies further back. To read
forwards, ask with `after`; an answer without posts whose `after` is the one that was asked with has caught up. An
answer with fewer posts than `last`, or none, is no end: when no filter lets them pass, a page looks through some
50,000 posts and says from where to go on. Each post comes once, also while others flow in.

A position that retention has passed, or of a topic that was deleted and made again, gives `gap`, as streams do: the
page then begins (`after`) or ends (`before`) at the place in the feed that is nearest."""

EVENTS = """Each post is an event without a name, its data a FeedEntry. Its id is the position of the whole stream;
give it in `Last-Event-ID` or `last_event_id` to resume right behind it. The header beats the query, a position beats
`since`, `since` beats `last`; without any of them a stream begins now. Other events have names: `gap` (posts of a topic
are missing), `deleted` (a topic is gone; after the last one the stream ends), `retracted` (take this post away) and
`position` (moves the id of a stream on while its filter lets nothing pass). A comment comes when nothing else does for
15 s. 204 says that all topics were deleted, and not to come back."""

OPERATIONS: dict[str, dict[str, Operation]] = {
    "/": {"get": Operation("The page", {200: "text/html"})},
    "/static/{path}": {
        "get": Operation(
            "The page's files",
            {200: "*/*"},
            (Parameter("path", "path", {"type": "string", "minLength": 1}, "the file, with its folder"),),
            (404,),
        )
    },
    "/topics": {
        "get": Operation("All topics, by name", {200: list[TopicAnswer]}, problems=(503,)),
        "post": Operation(
            "Add a topic",
            {200: TopicAnswer, 201: TopicAnswer},
            problems=(400, 401, 403, 409, 413, 503),
            body=TopicBody,
            token=True,
            about="201 when this call made it and it can be read here, 200 if it was there with the same track, 409 if "
            "it was with another. 503 when nothing came of it in 15 s; the same call again does no harm.",
        ),
    },
    "/topics/{name}": {
        "get": Operation("One topic", {200: TopicAnswer}, (name,), (400, 404, 503)),
        "delete": Operation("Delete a topic", {204: None}, (name,), (400, 401, 403, 404, 503), token=True),
    },
    "/topics/{name}/posts": {
        "get": Operation(
            "The past of a topic, by pages",
            {200: PageAnswer},
            (
                name,
                Parameter("last", "query", whole(1, 1000, 100), "how many posts at most"),
                Parameter("before", "query", PLACE, "the page that ends just before this position"),
                Parameter("after", "query", PLACE, "the page that starts just after this position"),
                since,
                label,
                min_score,
            ),
            (400, 404, 503),
            about=PAGES,
        )
    },
    "/topics/{name}/stats": {
        "get": Operation(
            "Posts a minute, by label",
            {200: list[MinuteAnswer]},
            (name, Parameter("minutes", "query", whole(0, 60, 60), "how many minutes, up to this one")),
            (400, 404, 503),
        )
    },
    "/feeds/{names}": {
        "get": Operation(
            "Follow topics: Server-Sent Events",
            {200: "text/event-stream", 204: None},
            (
                Parameter(
                    "names",
                    "path",
                    {"type": "array", "items": NAME, "minItems": 1, "maxItems": 20},
                    "the topics",
                    commas=True,
                ),
                Parameter("last", "query", whole(0, 1000, 0), "begin with so many of the newest posts of each topic"),
                since,
                Parameter("last_event_id", "query", PLACE_OR_NONE, "resume behind this event"),
                Parameter("Last-Event-ID", "header", PLACE_OR_NONE, "resume behind this event"),
                label,
                min_score,
            ),
            (400, 404, 429, 503),
            about=EVENTS,
        )
    },
    "/sources": {
        "get": Operation(
            "How the sources do",
            {200: list[SourceAnswer]},
            problems=(503,),
            about="One worker reads all sources; every worker knows how they do, a second later at most.",
        )
    },
    "/classify": {
        "post": Operation(
            "Classify texts, and say why",
            {200: list[ClassifyAnswer]},
            problems=(400, 413, 503),
            body=ClassifyBody,
            about="An answer for each text, in their order, by the model that the feeds are classified with.",
        )
    },
    "/openapi.json": {"get": Operation("This document", {200: dict[str, Any]})},
    "/livez": {"get": Operation("Whether the worker lives", {200: "text/plain"})},
    "/readyz": {"get": Operation("Whether it can be sent clients", {200: "text/plain"}, problems=(503,))},
    "/metrics": {"get": Operation("Metrics for Prometheus", {200: "text/plain"})},
}
