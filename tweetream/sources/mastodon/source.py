"""Mastodon, and every server that speaks its protocol: a public stream, and what was missed from the timeline.

    mastodon://HOST[:PORT][?stream=public|local&tag=NAME&lang=id,en&scheme=https|http]

`stream=local` is what the server's own people write; `tag` one hashtag; `lang` the languages asked for (a post that
does not say its language is given). A token goes into TWEETREAM_MASTODON_TOKEN; servers want one since 4.2.
For several servers it is HOST=TOKEN,HOST=TOKEN.

The stream has no position, so a position is the highest id seen. Begun again, it opens the stream first and leaves it
unread (its socket holds what comes), reads the timeline upward from the position until it meets what was the newest
when the stream was open, and then the stream, without what the timeline gave: a stop at any chunk loses nothing. Ids
are made of the time that a post's author claims, so a post from another server comes later than its id says;
therefore it goes back by BACK. What this object gave before that is dropped as a duplicate; what another worker gave
has the same id, and whoever runs a source drops it.

Limits: of a gap more than PAGES pages are not filled, one line says so; deletions in a gap are not told by anybody;
what the stream holds while the timeline is read is for the socket and the server to bear.
"""

import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post, size_of
from tweetream.sources.base import MAX_TEXT, Chunk, Context, Retracted, SourceError
from tweetream.sources.mastodon.api import LIMIT, Api
from tweetream.sources.mastodon.options import Options, read_url, token_of
from tweetream.sources.mastodon.sse import Event, Events
from tweetream.sources.networks import STATUS_ID, Outcome, mastodon, mastodon_deletion
from tweetream.sources.post_builder import ParseContext, decode
from tweetream.sources.seen import Recent

log = logging.getLogger(__name__)

SILENCE = 45.0  # seconds: three of the heartbeats that Mastodon sends
PAGES = 100  # of the timeline, read over one gap: a third of what Mastodon allows in five minutes
BACK = 30.0  # seconds that posts from other servers come late
REMEMBERED = 10_000  # posts: more than PAGES pages hold
_DAY = 86_400_000
_SNOWFLAKE = 1 << 56  # a number below has no time in it


class _Numbered(Struct):
    id: str | int


_numbered = Decoder(_Numbered)


def order(id: str) -> tuple[int, str]:
    """What ids are compared by: numbers as numbers, others as their servers sort them."""
    return len(id), id


class Mastodon:
    """The source of a `mastodon:` URL. Construction raises SourceError for a URL that cannot be."""

    unpaced = False

    def __init__(
        self,
        url: str,
        context: Context,
        *,
        silence: float = SILENCE,
        pages: int = PAGES,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        self.options: Options = read_url(url)
        self._context = context
        self._token, self._own = token_of(self.options.host, context.settings.mastodon_token.get_secret_value())
        self._silence, self._pages, self._wall = silence, pages, wall
        self._recent = Recent(REMEMBERED)

    def check(self) -> None:
        """A token opens one server: no other is told it."""
        there = [url for url in self._context.settings.sources if url.lower().startswith("mastodon:")]
        hosts = {self.options.host, *(read_url(url).host for url in there)}
        if self._token and not self._own and len(hosts) > 1:
            raise SourceError(
                f"mastodon: one token for {' and '.join(sorted(hosts))}; write TWEETREAM_MASTODON_TOKEN=HOST=TOKEN,…"
            )

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Chunks from behind `position` (None: from now on)."""
        if position is not None and not STATUS_ID.fullmatch(position):
            log.warning("%s: no position of Mastodon: %.80r; starting from now", self.url, position)
            position = None
        self._recent.back_to(position or "")
        async with Api(self.options, self._token, self._silence) as api:
            base = await api.streaming_base()
            first = position or await self._newest(api)  # before the stream: what comes later is behind it
            reading = _Reading(self.options, first, self._recent, lambda: round(self._wall() * 1000))
            async with api.stream(base) as content:
                yield Chunk([], reading.position)
                if position:
                    async for statuses in self._missed(api, position):
                        for chunk in reading.fill(map(reading.status, statuses)):
                            yield chunk
                events = Events()
                while True:
                    piece = await api.read(content)
                    for chunk in reading.fill(map(reading.event, events.feed(piece))):
                        yield chunk

    async def _newest(self, api: Api) -> str:
        """The id of the newest status, `0` where there is none yet; empty where nobody tells."""
        page = await api.page(limit="1")
        return "" if page is None else max(_ids(page), key=order, default="0")

    async def _missed(self, api: Api, position: str) -> AsyncIterator[list[Raw]]:
        """Pages of the timeline from a little before the position to the newest there is now, each oldest first."""
        newest = await self._newest(api)
        after = _back(position)
        for _ in range(self._pages):
            page = await api.page(min_id=after, limit=str(LIMIT)) if newest else None
            if page is None:
                log.warning("%s: the timeline is not shown to us: what was missed is lost", self.url)
                return
            if not page:
                return
            yield page[::-1]
            before, after = after, max([after, *_ids(page)], key=order)
            # A page that is not full may have been thinned by the server, and is no end.
            if after == before or (order(after) >= order(newest) and len(page) < LIMIT):
                return
        log.warning("%s: more than %d posts were missed: those after %s are lost", self.url, self._pages * LIMIT, after)


def _ids(page: Iterable[Raw]) -> Iterator[str]:
    for status in page:
        try:
            id = str(decode(_numbered, status).id)
        except (ValueError, RecursionError):
            continue
        if STATUS_ID.fullmatch(id):
            yield id


def _back(position: str) -> str:
    if not re.fullmatch(r"[0-9]+", position) or int(position) < _SNOWFLAKE:
        return position
    return str(int(position) - (int(BACK * 1000) << 16))


class _Reading:
    """What one connection gives: its position is the highest id. Turns events and statuses into chunks."""

    def __init__(self, options: Options, position: str, recent: Recent, now: Callable[[], int]) -> None:
        self.position = position
        self._options, self._recent, self._now = options, recent, now

    def fill(self, found: Iterable[tuple[str, Outcome]]) -> Iterator[Chunk]:
        """Chunks within their limits of what was read; none if it was nothing."""
        chunk, size = Chunk([], self.position), 0
        for id, outcome in found:
            if id and self._believable(id) and order(id) > order(self.position):
                self.position = id
            if isinstance(outcome, Post):
                chunk.posts.append(outcome)
                size += size_of(outcome.text)
            elif isinstance(outcome, Retracted):
                chunk.retracted.append(outcome.id)
                chunk.dropped[Drop.NOT_A_POST] += 1
            else:
                chunk.dropped[outcome] += 1
            chunk.position = self.position
            # Room is left for one more text of any length.
            if len(chunk.posts) == MAX_POSTS or size > MAX_BYTES - MAX_TEXT:
                self._recent.mark(chunk.position)
                yield chunk
                chunk, size = Chunk([], self.position), 0
        if chunk.posts or chunk.dropped:
            self._recent.mark(chunk.position)
            yield chunk

    def event(self, event: Event) -> tuple[str, Outcome]:
        """The id of the status that an event brings, empty if it brings none, and what comes of it."""
        if event.data is None:
            return "", Drop.TOO_LONG
        if event.name == b"update":
            return self.status(event.data)
        if event.name == b"delete":
            return "", mastodon_deletion(event.data.decode("ascii", "replace").strip(), self._options.host)
        return "", Drop.EDITED if event.name == b"status.update" else Drop.NOT_A_POST

    def status(self, data: bytes | Raw) -> tuple[str, Outcome]:
        """The id of a status, and what comes of it."""
        try:
            id = str(decode(_numbered, data).id)
            if not STATUS_ID.fullmatch(id):
                return "", Drop.MALFORMED
            outcome = mastodon(data, ParseContext(self._now()), self._options.host)
        except (ValueError, RecursionError):  # no JSON, or of other types
            return "", Drop.MALFORMED
        if not self._recent.add(id, ""):
            return id, Drop.DUPLICATE
        if isinstance(outcome, Post) and not self._options.speaks(outcome.lang):
            return id, Drop.LANGUAGE
        return id, outcome

    def _believable(self, id: str) -> bool:
        """Whether an id may be a position: one from the future, or of another kind, would hide all that follows."""
        if self.position in ("", "0"):
            return not id.isdigit() or int(id) < (self._now() + _DAY) << 16
        same = id.isdigit() == self.position.isdigit()
        return same and (not id.isdigit() or int(id) < (self._now() + _DAY) << 16)
