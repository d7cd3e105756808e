"""A public stream of Mastodon, or of another server with its API; the timeline fills the gap after a pause.

    mastodon://HOST[:PORT][?stream=public|local&tag=NAME&lang=id,en&scheme=https|http&streaming=HOST&private=true]

`stream=local` brings the posts of the server's own users; `tag` the posts with one hashtag; `lang` the posts in these
languages and those without a language. The token is in TWEETREAM_MASTODON_TOKEN; Mastodon requires one since 4.2. For
several servers it is HOST=TOKEN,HOST=TOKEN. `streaming` names the host of the stream, if it is another site.

The stream has no position, so a position is the highest id seen. Started again, the source opens the stream first and
does not read it yet; the socket buffers new events. It reads the timeline upward from the position to the newest
status at that moment, and then the stream, without the posts that the timeline gave. So a stop after any chunk loses
nothing. Ids contain the time that the author's client gave, so a post from another server arrives later than its id
says; therefore the source goes back by REWIND. A post that this object gave before is dropped as a duplicate. A post
that another worker gave has the same id, and the batcher drops it.

Limits: of a longer gap only PAGES pages are read, and one line of the log says so. No server reports the deletions of
a gap. While the timeline is read, the socket and the server must buffer the stream.
"""

import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post, size_of
from tweetream.sources.base import MAX_TEXT, Chunk, Context, Outcome, Retracted, SourceError
from tweetream.sources.mastodon.api import LIMIT, Api
from tweetream.sources.mastodon.options import Options, read_url, token_of
from tweetream.sources.mastodon.posts import STATUS_ID, parse_deletion, parse_status
from tweetream.sources.mastodon.sse import Event, EventParser
from tweetream.sources.post_builder import ParseContext, decode
from tweetream.sources.seen import SeenPosts

log = logging.getLogger(__name__)

SILENCE = 45.0  # seconds: three of Mastodon's heartbeats
PAGES = 100  # of the timeline, for one gap: a third of the requests that Mastodon allows in five minutes
REWIND = 30.0  # seconds that posts from other servers may be late
REMEMBERED = 10_000  # posts; more than PAGES pages hold
_DAY = 86_400_000
_SNOWFLAKE = 1 << 56  # a smaller number contains no time


class _Numbered(Struct):
    id: str | int


_numbered = Decoder(_Numbered)


def order(id: str) -> tuple[int, str]:
    """The sort key of an id: numbers as numbers, other ids as their servers sort them."""
    return len(id), id


def make(url: str, context: Context) -> "Mastodon":
    """The source of a URL with the scheme `mastodon`. Raises SourceError."""
    return Mastodon(url, context)


class Mastodon:
    """The public stream of one server."""

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
        self._seen = SeenPosts(REMEMBERED)

    def check(self) -> None:
        """A token without a host is sent to one server only, so several servers need HOST=TOKEN."""
        others = [url for url in self._context.settings.sources if url.lower().startswith("mastodon:")]
        hosts = {self.options.host, *(read_url(url).host for url in others)}
        if self._token and not self._own and len(hosts) > 1:
            raise SourceError(
                f"mastodon: one token for {' and '.join(sorted(hosts))}; write TWEETREAM_MASTODON_TOKEN=HOST=TOKEN,…"
            )

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Chunks after `position` (None: from now on)."""
        if position is not None and not STATUS_ID.fullmatch(position):
            log.warning("%s: not a position of Mastodon: %.80r; starting from now", self.url, position)
            position = None
        self._seen.rewind(position or "")
        async with Api(self.options, self._token, self._silence) as api:
            base = await api.streaming_base()
            first = position or await self._newest(api)  # asked before the stream opens, so all later posts are newer
            reading = _Reading(self.options, first, self._seen, lambda: round(self._wall() * 1000))
            async with api.stream(base) as content:
                yield Chunk([], reading.position)
                if position:
                    async for statuses in self._missed(api, position):
                        for chunk in reading.fill(map(reading.status, statuses)):
                            yield chunk
                events = EventParser()
                while True:
                    piece = await api.read(content)
                    for chunk in reading.fill(map(reading.event, events.feed(piece))):
                        yield chunk

    async def _newest(self, api: Api) -> str:
        """The id of the newest status; `0` if there is none yet, empty if the timeline is not accessible."""
        page = await api.page(limit="1")
        return "" if page is None else max(_ids(page), key=order, default="0")

    async def _missed(self, api: Api, position: str) -> AsyncIterator[list[Raw]]:
        """Pages of the timeline from a little before the position to the newest status now, each oldest first."""
        newest = await self._newest(api)
        after = _rewound(position)
        for _ in range(self._pages):
            page = await api.page(min_id=after, limit=str(LIMIT)) if newest else None
            if page is None:
                log.warning("%s: no access to the timeline: the posts of the pause are lost", self.url)
                return
            if not page:
                return
            yield page[::-1]
            before, after = after, max([after, *_ids(page)], key=order)
            # The server may filter a page, so a page that is not full is not always the last one.
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


def _rewound(position: str) -> str:
    if not re.fullmatch(r"[0-9]+", position) or int(position) < _SNOWFLAKE:
        return position
    return str(int(position) - (int(REWIND * 1000) << 16))


class _Reading:
    """Turns the events and statuses of one connection into chunks. Its position is the highest id."""

    def __init__(self, options: Options, position: str, seen: SeenPosts, now: Callable[[], int]) -> None:
        self.position = position
        self._options, self._seen, self._now = options, seen, now

    def fill(self, outcomes: Iterable[tuple[str, Outcome]]) -> Iterator[Chunk]:
        """The outcomes in chunks within the limits; none if there are no outcomes."""
        chunk, size = Chunk([], self.position), 0
        for id, outcome in outcomes:
            if id and self._plausible(id) and order(id) > order(self.position):
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
            # This leaves room for one more text of any length.
            if len(chunk.posts) == MAX_POSTS or size > MAX_BYTES - MAX_TEXT:
                self._seen.mark(chunk.position)
                yield chunk
                chunk, size = Chunk([], self.position), 0
        if chunk.posts or chunk.dropped:
            self._seen.mark(chunk.position)
            yield chunk

    def event(self, event: Event) -> tuple[str, Outcome]:
        """The id of the status in an event, empty if there is none, and its outcome."""
        if event.data is None:
            return "", Drop.TOO_LONG
        if event.name == b"update":
            return self.status(event.data)
        if event.name == b"delete":
            return "", parse_deletion(event.data.decode("ascii", "replace").strip(), self._options.host)
        return "", Drop.EDITED if event.name == b"status.update" else Drop.NOT_A_POST

    def status(self, data: bytes | Raw) -> tuple[str, Outcome]:
        """The id of a status, and its outcome."""
        try:
            id = str(decode(_numbered, data).id)
            if not STATUS_ID.fullmatch(id):
                return "", Drop.MALFORMED
            outcome = parse_status(data, ParseContext(self._now()), self._options.host)
        except (ValueError, RecursionError):  # no JSON, or other types
            return "", Drop.MALFORMED
        if not self._seen.add(id, ""):
            return id, Drop.DUPLICATE
        if isinstance(outcome, Post) and not self._options.accepts(outcome.lang):
            return id, Drop.LANGUAGE
        return id, outcome

    def _plausible(self, id: str) -> bool:
        """Whether an id may be a position. An id from the future, or of another kind, would hide all later ones."""
        if self.position in ("", "0"):
            return not id.isdigit() or int(id) < (self._now() + _DAY) << 16
        same = id.isdigit() == self.position.isdigit()
        return same and (not id.isdigit() or int(id) < (self._now() + _DAY) << 16)
