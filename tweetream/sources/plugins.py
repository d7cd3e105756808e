"""Sources of other packages: found by their entry point, and checked in what they give.

A fault in such a package is one line, whatever it raises: when it is loaded, makes its source or checks it, the worker
does not start; later the supervisor begins the source again. What it gives goes no further unless it is what it should
be: what could not be sent, or is larger than Kafka takes, would end the run of all sources, again and again.
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
from tweetream.sources.post_builder import MAX_AUTHOR, MAX_ID, MAX_LANG, MAX_URL, claimed, too_long

GROUP = "tweetream.sources"
HOUR = 3_600_000  # ms that what a package calls the time of arrival may be off
MAX_POSITION = 4096  # characters: each batch has it
MAX_NAME = 32  # characters of a network's short name
_encoder = msgspec.msgpack.Encoder()


class _Given(msgspec.Struct):
    """A chunk's fields but its posts."""

    position: Annotated[str, msgspec.Meta(max_length=MAX_POSITION)]
    dropped: dict[Drop, Annotated[int, msgspec.Meta(ge=0)]]
    retracted: list[Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]]


_post, _given = msgspec.msgpack.Decoder(Post), msgspec.msgpack.Decoder(_Given)


def found() -> dict[str, EntryPoint]:
    """The entry points of all installed packages, by scheme."""
    return {point.name: point for point in entry_points(group=GROUP)}


class PluginSource:
    """A source that an entry point made, behind the checks."""

    def __init__(self, point: EntryPoint, url: str, context: Context) -> None:
        self.url = url
        self._point = point
        if not url.isprintable():  # it is a key in every batch
            raise SourceError(f"{point.name}: percent-encode what cannot be printed in the URL of a source")
        try:
            self._source: Source = point.load()(url, context)
            if not callable(getattr(self._source, "chunks", None)):
                raise TypeError(f"it made a {type(self._source).__name__}, which has no chunks()")
            self.unpaced = bool(getattr(self._source, "unpaced", False))
        except SourceError:
            raise
        except Exception as error:  # whatever another package raises is one line, and no traceback of ours
            raise self._failed(error) from error

    def check(self) -> None:
        """As the source checks, if it does."""
        try:
            getattr(self._source, "check", lambda: None)()
        except SourceError:
            raise
        except Exception as error:  # as above
            raise self._failed(error) from error

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Its chunks without the posts that are none, which count as malformed. Raises what the source raises."""
        async with contextlib.aclosing(self._source.chunks(position)) as chunks:
            async for chunk in chunks:
                for part in _parts(_checked(chunk)):
                    yield part

    def _failed(self, error: Exception) -> SourceError:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return SourceError(f"{self._point.name}: its package fails ({self._point.value}): {what}")


def _checked(chunk: Chunk) -> Chunk:
    if not isinstance(chunk, Chunk):
        raise TypeError(f"a chunk is a Chunk, not a {type(chunk).__name__}")
    now = time.time_ns() // 1_000_000
    sound = [mended for post in chunk.posts if (mended := _mended(post, now)) is not None]
    dropped = Counter(chunk.dropped)
    if len(sound) < len(chunk.posts):
        dropped[Drop.MALFORMED] += len(chunk.posts) - len(sound)
    chunk = msgspec.structs.replace(chunk, posts=sound, dropped=dropped)
    _given.decode(_encoder.encode(msgspec.structs.replace(chunk, posts=[])))
    return chunk


def _parts(chunk: Chunk) -> Iterator[Chunk]:
    """A chunk over the limits in several: more than Kafka takes would be put aside. The last has the position."""
    first = size = 0
    for index, post in enumerate(chunk.posts):
        length = size_of(post.text)
        if index - first == MAX_POSTS or (index > first and size + length > MAX_BYTES):
            yield Chunk(chunk.posts[first:index], "")
            first, size = index, 0
        size += length
    yield msgspec.structs.replace(chunk, posts=chunk.posts[first:])


def _mended(post: Post, now: int) -> Post | None:
    """A post with the times and the link that it may have; None if it cannot travel: no text in UTF-8, a wrong type."""
    try:
        _post.decode(_encoder.encode(post))
    except (msgspec.MsgspecError, UnicodeError, TypeError, OverflowError):
        return None
    if not 0 < len(post.id) <= MAX_ID or too_long(post.text) or len(post.source) > MAX_NAME:
        return None
    if len(post.author) > MAX_AUTHOR or len(post.url) > MAX_URL or len(post.lang) > MAX_LANG:
        return None
    created = claimed(post.created_at, now)
    received = post.received_at if abs(post.received_at - now) < HOUR else now
    url = post.url if post.url.startswith(("https://", "http://")) else ""
    if (created, received, url) == (post.created_at, post.received_at, post.url):
        return post
    return msgspec.structs.replace(post, created_at=created, received_at=received, url=url)
