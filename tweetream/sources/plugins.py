"""Sources of other packages: found by their entry points, with checks on everything that they give.

A fault in such a package is one line, whatever it raises. If it fails while the source is loaded, made or checked, the
worker does not start; if it fails later, the supervisor starts the source again. Its chunks are checked: a post that
cannot be encoded, or is larger than Kafka accepts, would stop all sources again and again.
"""

import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post, size_of
from tweetream.sources.base import Chunk, Context, Source, SourceError
from tweetream.sources.post_builder import MAX_AUTHOR, MAX_ID, MAX_LANG, MAX_URL, believable, too_long

GROUP = "tweetream.sources"
HOUR = 3_600_000  # ms; the largest error of the time of arrival that a package gives
MAX_POSITION = 4096  # characters; each batch holds the position
MAX_NAME = 32  # characters of a network's short name
_encoder = msgspec.msgpack.Encoder()


class _ChunkFields(msgspec.Struct):
    """The fields of a chunk without its posts."""

    position: Annotated[str, msgspec.Meta(max_length=MAX_POSITION)]
    dropped: dict[Drop, Annotated[int, msgspec.Meta(ge=0)]]
    retracted: list[Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]]


_post, _fields = msgspec.msgpack.Decoder(Post), msgspec.msgpack.Decoder(_ChunkFields)


def entry_points_by_scheme() -> dict[str, EntryPoint]:
    """The entry points of all installed packages, by scheme."""
    return {point.name: point for point in entry_points(group=GROUP)}


class PluginSource:
    """A source made by an entry point, with checks."""

    def __init__(self, point: EntryPoint, url: str, context: Context) -> None:
        self.url = url
        self._point = point
        if not url.isprintable():  # it is a key in every batch, and may hold a secret, so the message does not show it
            raise SourceError(f"{point.name}: percent-encode unprintable characters in the URL of a source")
        try:
            self._source: Source = point.load()(url, context)
            if not callable(getattr(self._source, "chunks", None)):
                raise TypeError(f"it made a {type(self._source).__name__}, which has no chunks()")
            self.unpaced = bool(getattr(self._source, "unpaced", False))
        except SourceError:
            raise
        except Exception as error:  # any error of another package becomes one line
            raise self._failed(error) from error

    def check(self) -> None:
        """Run the check of the source, if it has one."""
        try:
            getattr(self._source, "check", lambda: None)()
        except SourceError:
            raise
        except Exception as error:  # as above
            raise self._failed(error) from error

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """The chunks with their invalid posts counted as malformed. Errors of the source pass through."""
        async with contextlib.aclosing(self._source.chunks(position)) as chunks:
            async for chunk in chunks:
                for part in _parts(_checked(chunk)):
                    yield part

    def _failed(self, error: Exception) -> SourceError:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return SourceError(f"{self._point.name}: its package fails ({self._point.value}): {reason}")


def _checked(chunk: Chunk) -> Chunk:
    if not isinstance(chunk, Chunk):
        raise TypeError(f"a chunk is a Chunk, not a {type(chunk).__name__}")
    now = time.time_ns() // 1_000_000
    valid = [repaired for post in chunk.posts if (repaired := _repaired(post, now)) is not None]
    dropped = Counter(chunk.dropped)
    if len(valid) < len(chunk.posts):
        dropped[Drop.MALFORMED] += len(chunk.posts) - len(valid)
    chunk = msgspec.structs.replace(chunk, posts=valid, dropped=dropped)
    _fields.decode(_encoder.encode(msgspec.structs.replace(chunk, posts=[])))
    return chunk


def _parts(chunk: Chunk) -> Iterator[Chunk]:
    """Split a chunk over the limits, since Kafka rejects large records. Only the last part has the position."""
    first = size = 0
    for index, post in enumerate(chunk.posts):
        length = size_of(post.text)
        if index - first == MAX_POSTS or (index > first and size + length > MAX_BYTES):
            yield Chunk(chunk.posts[first:index], "")
            first, size = index, 0
        size += length
    yield msgspec.structs.replace(chunk, posts=chunk.posts[first:])


def _repaired(post: Post, now: int) -> Post | None:
    """A post with valid times and URL; None if it cannot be sent: invalid UTF-8, a wrong type, a field too long."""
    try:
        _post.decode(_encoder.encode(post))
    except (msgspec.MsgspecError, UnicodeError, TypeError, OverflowError):
        return None
    if not 0 < len(post.id) <= MAX_ID or too_long(post.text) or len(post.source) > MAX_NAME:
        return None
    if len(post.author) > MAX_AUTHOR or len(post.url) > MAX_URL or len(post.lang) > MAX_LANG:
        return None
    created = believable(post.created_at, now)
    received = post.received_at if abs(post.received_at - now) < HOUR else now
    url = post.url if post.url.startswith(("https://", "http://")) else ""
    if (created, received, url) == (post.created_at, post.received_at, post.url):
        return post
    return msgspec.structs.replace(post, created_at=created, received_at=received, url=url)
