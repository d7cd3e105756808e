"""All public posts of Bluesky, from a Jetstream server: `bluesky:[?url=ws://HOST/subscribe&lang=id,en]`.

Without `url` it uses Bluesky's own servers in turn, the next one for each connection. A path that ends in
`network.bsky.jetstream.subscribeEvents` selects version 2 of the protocol, any other path version 1. With `lang` it
keeps the posts in one of these languages (`en` includes `en-GB`), and those without a language.

A position is Jetstream's cursor. In version 1 it is the time in µs of the last event, and is valid on all servers;
started again, the source goes back a few seconds, since the servers' clocks differ. In version 2 it is the sequence
number of the last event on one server. Posts that the source gave before that position are dropped as duplicates. The
servers keep 36 hours; after a longer pause one line of the log says which posts are missing.

A deleted post is retracted. When an account is deleted or taken down, Jetstream does not list its posts; those among
the last posts of the source are retracted. A deactivated or suspended account may come back, so its posts stay.

Limits: a message over 1 MiB is counted and skipped. A message over 4 MiB ends the connection, and the next connection
skips it. Only TCP and one buffer hold unread messages. Nothing is compressed.
"""

import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, size_of
from tweetream.models.printable import printable
from tweetream.sources.base import (
    MAX_LINE,
    MAX_TEXT,
    Chunk,
    Context,
    Disconnected,
    FailureKind,
    Outcome,
    Retracted,
    SourceError,
)
from tweetream.sources.bluesky.jetstream import event_v1, event_v2
from tweetream.sources.bluesky.options import Options, read_url
from tweetream.sources.bluesky.websocket import HandshakeRejected, Socket, Unreadable, open_socket
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.seen import SeenPosts

log = logging.getLogger(__name__)

SILENCE = 45.0  # seconds; the servers ping every 30
SECOND = 1_000_000  # µs
REWIND = 5 * SECOND
MAX_SKEW = 60 * SECOND  # a larger difference to the position means a wrong position, or a wrong clock of the server
EARLIEST, LATEST = 10**15, 4 * 10**15  # µs since 1970 of a cursor that is a time; a lower one is a sequence number
REMEMBERED = 50_000  # posts
MAX_MESSAGES = 1_000  # of a chunk, posts and others; more would block the event loop
PROTOCOL = "xrpc.v1.json"  # of version 2


def make(url: str, context: Context) -> "Bluesky":
    """The source of a URL with the scheme `bluesky`. Raises SourceError."""
    return Bluesky(url)


class Bluesky:
    """All public posts of Bluesky."""

    unpaced = True  # after a pause it gives hours of posts as fast as they are taken

    def __init__(self, url: str, *, silence: float = SILENCE, wall: Callable[[], int] = time.time_ns) -> None:
        self.url = url
        self.options: Options = read_url(url)
        self._silence, self._wall = silence, wall
        self._turn = random.randrange(len(self.options.servers))
        self._seen = SeenPosts(REMEMBERED)
        self._oldest = False  # whether to ask for everything that the server still has
        self._skipped = (0, 0)  # the position after the last skipped message, and the number of skips in a row

    def check(self) -> None:
        """Do nothing: the constructor has checked the URL, and only a connection can show other faults."""

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Chunks after `position`, or from now."""
        server = self.options.servers[self._turn % len(self.options.servers)]
        self._turn += 1
        self._seen.rewind(position or "")
        number = self._number(position)
        cursor = self._cursor(number)
        address = server.update_query(cursor=str(cursor)) if cursor else server
        reader = _Reader(self.url, self.options, self._seen, number, cursor, self._wall)
        try:
            async with open_socket(
                address, self.options.hosts, self._silence, (PROTOCOL,) if self.options.v2 else ()
            ) as socket:
                yield Chunk([], position or "")
                end: Exception | None = None
                while end is None:
                    end = await self._burst(socket, reader)
                    if reader.read:
                        chunk = reader.chunk()
                        self._seen.mark(chunk.position)
                        yield chunk
        except HandshakeRejected as response:
            end = self._rejected(f"{server.host} {response}", response)
        raise end

    async def _burst(self, socket: Socket, reader: "_Reader") -> Exception | None:
        """Read the messages that arrive together; the error that ended the connection, if it has ended."""
        try:
            await socket.burst(reader.take)
        except Disconnected as error:
            return error
        except Unreadable as unreadable:
            reader.count(Drop.TOO_LONG if unreadable.too_long else Drop.MALFORMED)
            self._skip(reader, unreadable.too_long)
            return Disconnected(str(unreadable))
        return None

    def _number(self, position: str | None) -> int:
        if not position:
            return 0
        if position.isascii() and position.isdigit() and len(position) <= 16 and int(position) < LATEST:
            return int(position)
        log.warning("%s: not a position of Bluesky: %.80r; starting from now", self.url, position)
        return 0

    def _cursor(self, number: int) -> int:
        """The cursor for the events after `number`; 0 for none."""
        if self.options.v2:
            oldest, self._oldest = self._oldest, False
            return EARLIEST if oldest else number
        return max(EARLIEST, number - REWIND) if number else 0

    def _skip(self, reader: "_Reader", too_long: bool) -> None:
        """Move the position past an unreadable message, or the server would send it again for ever.

        The position of the message is not known. So the first skip is one second or event, and each further skip is
        longer. A message that is only damaged gets a second chance first.
        """
        before, times = self._skipped
        times = times + 1 if reader.position == before else int(too_long)
        if times and reader.position:
            step = 2 ** (times - 1)
            later = reader.position + (1 + step if self.options.v2 else REWIND + step * SECOND)
            reader.position = later if self.options.v2 else min(later, self._wall() // 1000 + REWIND)
        self._skipped = reader.position, times

    def _rejected(self, reason: str, response: HandshakeRejected) -> Disconnected | SourceError:
        if self.options.v2 and response.status == 400 and "CursorTooOld" in reason:
            self._oldest = True
            return Disconnected(f"{reason}: posts are missing; going on from the oldest that the server has")
        if response.status in (401, 403) and not self.options.public:
            return SourceError(reason)
        kind = FailureKind.RATE if response.status == 429 else FailureKind.HTTP
        return Disconnected(reason, kind, response.not_before)


class _Reader:
    """Makes chunks of one connection's messages. `read` counts the messages of the next chunk."""

    def __init__(
        self, url: str, options: Options, seen: SeenPosts, position: int, cursor: int, wall: Callable[[], int]
    ) -> None:
        self._url, self._langs, self._v2, self._seen = url, options.langs, options.v2, seen
        self._event = event_v2 if options.v2 else event_v1
        self._at, self._wall = ParseContext(0), wall
        self.position = position
        self._cursor = cursor  # 0 after the first event
        self._begin()

    def _begin(self) -> None:
        self._chunk = Chunk([], "")
        self.read = self._size = 0

    def chunk(self) -> Chunk:
        """The messages since the last chunk."""
        chunk = self._chunk
        chunk.position = str(self.position) if self.position else ""
        self._begin()
        return chunk

    def count(self, reason: Drop) -> None:
        self._chunk.dropped[reason] += 1
        self.read += 1

    def take(self, message: bytes) -> bool:
        """Add a message; whether there is room for another."""
        try:
            self._at.now = self._wall() // 1_000_000
            event = self._event(message, self._at, self._langs)
        except (ValueError, RecursionError):
            self.count(Drop.MALFORMED)
            return self.read < MAX_MESSAGES
        if event.error:
            raise Disconnected(f"the server ends the stream: {printable(event.error)}")
        if event.notice and self._cursor != EARLIEST:
            log.warning("%s: %s", self._url, printable(event.notice))
        self._advance(event.cursor)
        self._add(event.outcome if len(message) <= MAX_LINE else Drop.TOO_LONG)
        if event.removed:
            self._chunk.retracted += self._seen.by(event.removed)
        # This leaves room for one more text of any length.
        return len(self._chunk.posts) < MAX_POSTS and self._size <= MAX_BYTES - MAX_TEXT and self.read < MAX_MESSAGES

    def _add(self, outcome: Outcome) -> None:
        if isinstance(outcome, Drop):
            return self.count(outcome)
        if isinstance(outcome, Retracted):
            self._chunk.retracted.append(outcome.id)
            return self.count(Drop.NOT_A_POST)
        if not self._seen.add(outcome.id, outcome.author):
            return self.count(Drop.DUPLICATE)
        self._chunk.posts.append(outcome)
        self._size += size_of(outcome.text)
        self.read += 1

    def _advance(self, cursor: int) -> None:
        if self._v2:
            self.position = cursor if 0 < cursor < EARLIEST else self.position
            return
        if not EARLIEST <= cursor < LATEST:
            return
        if self._cursor and cursor > self._cursor + MAX_SKEW:
            moments = [datetime.fromtimestamp(moment // SECOND, UTC).isoformat() for moment in (self._cursor, cursor)]
            log.warning(
                "%s: asked for the posts after %s, received those after %s: posts may be missing", self._url, *moments
            )
        self._cursor = 0
        # The position stays while the events of the rewind come again.
        if not self.position - MAX_SKEW < cursor <= self.position:
            self.position = cursor
