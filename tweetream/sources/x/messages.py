"""A line of X's filtered stream: posts, an error notice, or the end of the stream."""

from collections.abc import Container, Iterator

import msgspec
from msgspec import Raw

from tweetream.models.drop import Drop
from tweetream.sources.base import Disconnected, FailureKind, PostOrDrop
from tweetream.sources.fields import decode_message
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.x.posts import parse_tweets
from tweetream.sources.x.problem import XProblem

_ENDS = ("operational-disconnect", "client-disconnected", "streaming-connection")


class _Line(msgspec.Struct):
    data: Raw = Raw()
    includes: Raw = Raw()
    errors: list[XProblem] = []
    title: str | None = None
    type: str | None = None
    detail: str | None = None


class _Edits(msgspec.Struct):
    edit_history_tweet_ids: list[str] = []


_line, _edits = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Edits)


def parse_message(
    line: bytes, at: ParseContext, given: Container[str] = ()
) -> PostOrDrop | Iterator[PostOrDrop] | Disconnected:
    """Parse a line. The rules that X names in it are ignored, since Tweetream matches topics itself.

    `given` holds ids of posts that were given before; a new text of one of them is EDITED.
    """
    try:
        message = decode_message(_line, line)
        if _has(message.data):
            if bytes(message.data).startswith(b"{"):
                *before, _ = decode_message(_edits, message.data).edit_history_tweet_ids or [""]
                if any(f"x:{id}" in given for id in before):
                    return Drop.EDITED
            return parse_tweets(message.data, message.includes if _has(message.includes) else None, at)
    except (ValueError, RecursionError):
        return Drop.MALFORMED
    problems = message.errors or [XProblem(message.title, message.type, message.detail)]
    for problem in problems:
        if (problem.type or "").rpartition("/")[2] in _ENDS or problem.title == "operational-disconnect":
            too_many = (problem.type or "").endswith("/streaming-connection")
            kind = FailureKind.RATE if too_many else FailureKind.NETWORK
            return Disconnected(f"X ends the stream: {problem.line()}", kind)
    return Drop.NOT_A_POST if any(map(XProblem.line, problems)) else Drop.MALFORMED


def _has(field: Raw) -> bool:
    return bytes(field) not in (b"", b"null")
