"""All public posts of Bluesky, from a Jetstream server: `bluesky:[?url=ws://HOST/subscribe&lang=id,en]`.

Without `url` it takes Bluesky's own servers in turn, the next one with each connection. A path that ends in
`network.bsky.jetstream.subscribeEvents` is spoken to in version 2 of the protocol, any other in version 1. With `lang`
a post passes that claims one of these languages (`en` is also `en-GB`), or none at all.

A position is what Jetstream calls a cursor: in version 1 the time in µs of the last event read, which holds on all
servers; begun again, it goes a few seconds back, since their clocks differ. In version 2 it is the number that one
server gave the last event. What the source gave before that position is dropped as a duplicate; after 36 hours the
servers have forgotten, and one line of the log says what is missing then.

A deleted post is retracted. An account that is deleted or taken down comes with no list of its posts: those among the
last that the source gave are retracted. Who is deactivated or suspended may come back, and nothing is done.

Limits: a message over 1 MiB is counted and passed over, one over 4 MiB ends the connection and is stepped over. Only
what TCP and one buffer hold is read ahead. Nothing is compressed.
"""

import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, size_of
from tweetream.sources.base import MAX_LINE, MAX_TEXT, Chunk, Context, Disconnected, FailureKind, Retracted, SourceError
from tweetream.sources.bluesky.jetstream import event_v1, event_v2
from tweetream.sources.bluesky.options import Options, read_url
from tweetream.sources.bluesky.websocket import Answered, Socket, Unreadable, one_line, open_socket
from tweetream.sources.networks import Outcome
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.seen import Recent

log = logging.getLogger(__name__)

SILENCE = 45.0  # seconds; the servers ping every 30
SECOND = 1_000_000  # µs
REWIND = 5 * SECOND
ASTRAY = 60 * SECOND  # an event so far before the position shows that the position was wrong, or the server's clock is
EARLIEST, LATEST = 10**15, 4 * 10**15  # µs since 1970 that are a cursor of time; what is below is a number
REMEMBERED = 50_000  # posts
MAX_RECORDS = 1_000  # of a chunk, posts and others together: more would keep the event loop waiting
PROTOCOL = "xrpc.v1.json"  # of version 2


def make(url: str, context: Context) -> "Bluesky":
    """The source a URL names."""
    return Bluesky(url)


class Bluesky:
    """The source of `bluesky:` URLs. Construction raises SourceError for a URL that cannot be."""

    unpaced = True  # going back, it gives hours as fast as they are taken

    def __init__(self, url: str, *, silence: float = SILENCE, wall: Callable[[], int] = time.time_ns) -> None:
        self.url = url
        self.options: Options = read_url(url)
        self._silence, self._wall = silence, wall
        self._turn = random.randrange(len(self.options.servers))
        self._recent = Recent(REMEMBERED)
        self._oldest = False  # whether to ask for all that there is
        self._stuck = (0, 0)  # the position that stepped over what could not be read, and how often in a row

    def check(self) -> None:
        """The URL was read when this was made, and nothing else can be known before it is tried."""

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Chunks from behind `position`, or from now."""
        server = self.options.servers[self._turn % len(self.options.servers)]
        self._turn += 1
        self._recent.back_to(position or "")
        number = self._number(position)
        asked = self._asked(number)
        address = server.update_query(cursor=str(asked)) if asked else server
        reader = _Reader(self.url, self.options, self._recent, number, asked, self._wall)
        try:
            async with open_socket(address, self._silence, (PROTOCOL,) if self.options.v2 else ()) as socket:
                yield Chunk([], position or "")
                over: Exception | None = None
                while over is None:
                    over = await self._burst(socket, reader)
                    if reader.read:
                        chunk = reader.chunk()
                        self._recent.mark(chunk.position)
                        yield chunk
        except Answered as answer:
            over = self._refused(f"{server.host} {answer}", answer)
        raise over

    async def _burst(self, socket: Socket, reader: "_Reader") -> Exception | None:
        """Read what comes together; what ended the connection, if it is over."""
        try:
            await socket.burst(reader.take)
        except Disconnected as interrupted:
            return interrupted
        except Unreadable as unreadable:
            reader.count(Drop.TOO_LONG if unreadable.too_long else Drop.MALFORMED)
            self._step_over(reader, unreadable.too_long)
            return Disconnected(str(unreadable))
        return None

    def _number(self, position: str | None) -> int:
        if not position:
            return 0
        if position.isascii() and position.isdigit() and len(position) <= 16 and int(position) < LATEST:
            return int(position)
        log.warning("%s: no position of Bluesky: %.80r; going on from now", self.url, position)
        return 0

    def _asked(self, number: int) -> int:
        """The cursor to ask for to get what follows `number`, 0 for none."""
        if self.options.v2:
            oldest, self._oldest = self._oldest, False
            return EARLIEST if oldest else number
        return max(EARLIEST, number - REWIND) if number else 0

    def _step_over(self, reader: "_Reader", too_long: bool) -> None:
        """Move the position past a message that cannot be had, or it would come again for ever.

        Nothing says where it stands: further every time, first by a second or an event. One that is merely spoilt
        gets a second chance.
        """
        before, times = self._stuck
        times = times + 1 if reader.position == before else int(too_long)
        if times and reader.position:
            step = 2 ** (times - 1)
            ahead = reader.position + (1 + step if self.options.v2 else REWIND + step * SECOND)
            reader.position = ahead if self.options.v2 else min(ahead, self._wall() // 1000 + REWIND)
        self._stuck = reader.position, times

    def _refused(self, reason: str, answer: Answered) -> Disconnected | SourceError:
        if self.options.v2 and answer.status == 400 and "CursorTooOld" in reason:
            self._oldest = True
            return Disconnected(f"{reason}: posts are missing; going on from the oldest that it has")
        if answer.status in (401, 403) and not self.options.public:
            return SourceError(reason)
        return Disconnected(reason, FailureKind.RATE if answer.status == 429 else FailureKind.HTTP, answer.not_before)


class _Reader:
    """Makes chunks of one connection's messages. `read` is how many messages the next one has."""

    def __init__(
        self, url: str, options: Options, recent: Recent, position: int, asked: int, wall: Callable[[], int]
    ) -> None:
        self._url, self._langs, self._v2, self._recent = url, options.langs, options.v2, recent
        self._event = event_v2 if options.v2 else event_v1
        self._at, self._wall = ParseContext(0), wall
        self.position = position
        self._asked = asked  # until the first event has come
        self._begin()

    def _begin(self) -> None:
        self._chunk = Chunk([], "")
        self.read = self._size = 0

    def chunk(self) -> Chunk:
        """What was read since the last one."""
        chunk = self._chunk
        chunk.position = str(self.position) if self.position else ""
        self._begin()
        return chunk

    def count(self, reason: Drop) -> None:
        self._chunk.dropped[reason] += 1
        self.read += 1

    def take(self, message: bytes) -> bool:
        """Add what a message says; whether there is room for more."""
        try:
            self._at.now = self._wall() // 1_000_000
            event = self._event(message, self._at, self._langs)
        except (ValueError, RecursionError):
            self.count(Drop.MALFORMED)
            return self.read < MAX_RECORDS
        if event.error:
            raise Disconnected(f"the server ends the stream: {one_line(event.error)}")
        if event.notice and self._asked != EARLIEST:
            log.warning("%s: %s", self._url, one_line(event.notice))
        self._advance(event.cursor)
        self._add(event.outcome if len(message) <= MAX_LINE else Drop.TOO_LONG)
        if event.gone:
            self._chunk.retracted += self._recent.by(event.gone)
        # Room is left for one more text of any length.
        return len(self._chunk.posts) < MAX_POSTS and self._size <= MAX_BYTES - MAX_TEXT and self.read < MAX_RECORDS

    def _add(self, found: Outcome) -> None:
        if isinstance(found, Drop):
            return self.count(found)
        if isinstance(found, Retracted):
            self._chunk.retracted.append(found.id)
            return self.count(Drop.NOT_A_POST)
        if not self._recent.add(found.id, found.author):
            return self.count(Drop.DUPLICATE)
        self._chunk.posts.append(found)
        self._size += size_of(found.text)
        self.read += 1

    def _advance(self, cursor: int) -> None:
        if self._v2:
            self.position = cursor if 0 < cursor < EARLIEST else self.position
            return
        if not EARLIEST <= cursor < LATEST:
            return
        if self._asked and cursor > self._asked + ASTRAY:
            moments = [datetime.fromtimestamp(moment // SECOND, UTC).isoformat() for moment in (self._asked, cursor)]
            log.warning(
                "%s: asked for what came after %s, given what came after %s: posts may be missing", self._url, *moments
            )
        self._asked = 0
        # The few seconds that were gone back do not count.
        if not self.position - ASTRAY < cursor <= self.position:
            self.position = cursor
