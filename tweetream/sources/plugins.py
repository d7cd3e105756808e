"""Sources of other packages: found by their entry points, with checks on everything that they give.

A fault in such a package is one line, whatever it raises. If it fails while the source is loaded, made or checked, the
worker does not start; if it fails later, the supervisor starts the source again. Its chunks are checked: a post that
cannot be encoded, or is larger than Kafka accepts, would stop all sources again and again.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post, size_of
from tweetream.models.printable import printable
from tweetream.sources.base import Chunk, Context, Source, SourceError
from tweetream.sources.post_builder import MAX_AUTHOR, MAX_ID, MAX_LANG, MAX_URL, believable, too_long

GROUP = "tweetream.sources"
HOUR = 3_600_000  # ms; the largest error of the time of arrival that a package gives
MAX_POSITION = 4096  # characters; each batch holds the position
MAX_NAME = 32  # characters of a network's short name
MAX_COUNT = 1_000_000  # messages that one chunk may count
MAX_RETRACTED = 1_000  # ids of deleted posts in one chunk
_encoder = msgspec.msgpack.Encoder()


class _ChunkFields(msgspec.Struct):
    """The fields of a chunk without its posts."""

    position: Annotated[str, msgspec.Meta(max_length=MAX_POSITION)]
    dropped: dict[Drop, Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]]
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
            async for chunk in _own_errors(chunks):
                for part in _parts(chunk):
                    yield part

    def _failed(self, error: Exception) -> SourceError:
        reason = printable(f"{type(error).__name__}: {error}", 200)
        return SourceError(f"{self._point.name}: its package fails ({self._point.value}): {reason}")


async def _own_errors(chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    """The chunks. A package that exits, or cancels something of its own, ends its source and not the worker."""
    while True:
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except SystemExit as error:
            raise RuntimeError(f"it exits: {error}") from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("something that it waits for was cancelled") from error
        yield chunk


def _parts(chunk: Chunk) -> Iterator[Chunk]:
    """Check a chunk, and split one over the limits, since Kafka rejects large records.

    Only the last part has the position and the counts.
    """
    if not isinstance(chunk, Chunk):
        raise TypeError(f"a chunk is a Chunk, not a {type(chunk).__name__}")
    _fields.decode(_encoder.encode(msgspec.structs.replace(chunk, posts=[])))
    *starts, last = range(0, max(1, len(chunk.retracted)), MAX_RETRACTED)
    for start in starts:
        yield Chunk([], "", retracted=chunk.retracted[start : start + MAX_RETRACTED])
    now, dropped = time.time_ns() // 1_000_000, Counter(chunk.dropped)
    posts: list[Post] = []
    size = 0
    for post in chunk.posts:
        repaired = _repaired(post, now)
        if repaired is None:
            dropped[Drop.MALFORMED] += 1
            continue
        length = size_of(repaired.text)
        if len(posts) == MAX_POSTS or (posts and size + length > MAX_BYTES):
            yield Chunk(posts, "")
            posts, size = [], 0
        posts.append(repaired)
        size += length
    yield Chunk(posts, chunk.position, dropped, chunk.retracted[last:])


def _repaired(post: Post, now: int) -> Post | None:
    """A post with valid times and URL; None if it cannot be sent: invalid UTF-8, a wrong type, a field too long."""
    try:
        _post.decode(_encoder.encode(post))
    except (msgspec.MsgspecError, UnicodeError, TypeError, OverflowError):
        return None
    if not 0 < len(post.id) <= MAX_ID or too_long(post.text):
        return None
    if not 0 < len(post.source) <= MAX_NAME or not post.source.isprintable():
        return None
    if len(post.author) > MAX_AUTHOR or len(post.url) > MAX_URL or len(post.lang) > MAX_LANG:
        return None
    created = believable(post.created_at, now)
    received = post.received_at if abs(post.received_at - now) < HOUR else now
    url = post.url if post.url.startswith(("https://", "http://")) and post.url.isprintable() else ""
    if (created, received, url) == (post.created_at, post.received_at, post.url):
        return post
    return msgspec.structs.replace(post, created_at=created, received_at=received, url=url)
