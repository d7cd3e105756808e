"""Reads the archive for clients: searches, exports and counts, in a few threads, with bounds. Imports no Faust.

A read may block on a disk or a database, so it never runs in the loop. Where too many wait, further ones are refused.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from tweetream.archive.address import parse_address
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.words import BadQuery, parse_query
from tweetream.models.feed import UNSURE, Position, rfc3339
from tweetream.models.printable import printable
from tweetream.settings import Settings
from tweetream.web import query
from tweetream.web.call_rate import CallRate
from tweetream.web.limits import ClientAddresses
from tweetream.web.problems import Problem
from tweetream.web.responses import json_body
from tweetream.web.schemas import MinuteAnswer, SearchAnswer, SearchPost

THREADS = 4  # reads at once
WAITING = 32  # reads that may wait for a thread
EACH, EACH_WAITING = 2, 16  # of one address: a read may take 5 s, and others must get a thread
BURST, PER_SECOND = 100, 10.0  # calls of one address
MAX_LAST = 1_000
TRIES, PAUSE, PATIENCE = 5, 2.0, 60.0  # of an export: attempts, and seconds between two; seconds of its pace
MAX_STEPS = 7 * 24 * 60 + 1  # a week by minutes
STEPS = {"minute": 1, "hour": 60, "day": 24 * 60}
NAME, GENERATION = "archive", "0"  # of positions in the archive
NONE = "this worker has no archive: start `tweetream archive`, and set TWEETREAM_ARCHIVE to what it writes"
MINUTE = 60_000  # ms
Answer = TypeVar("Answer")


class ArchiveReads:
    """What a worker reads in its archive. `labels` gives those of the model, and may raise Problem.

    `is_retracted` tells of an id whether its post was retracted, which an archive without an archiver does not know.
    """

    def __init__(
        self,
        settings: Settings,
        labels: Callable[[], Awaitable[Collection[str]]],
        is_retracted: Callable[[str], bool] = lambda id: False,
    ) -> None:
        self._url = settings.archive.get_secret_value()
        self._labels, self._is_retracted = labels, is_retracted
        self._addresses = ClientAddresses(settings.trusted_proxies)
        self._rate = CallRate(BURST, PER_SECOND)
        # Its own, so that searches never keep other work of the worker waiting.
        self._threads = ThreadPoolExecutor(THREADS, "archive")
        self._waiting = 0
        self._of: Counter[str] = Counter()  # the reads of each address, running or waiting
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._calls: set[asyncio.Task[Any]] = set()
        self._reader: Any = None

    def require(self) -> None:
        """Raise Problem if this worker has no archive."""
        if not self._url:
            raise Problem(404, NONE)

    async def run(self, work: Callable[[Any], Answer]) -> Answer:
        """Run `work` in a thread, with the ArchiveReader. Raises Problem."""
        self.require()
        if self._waiting >= THREADS + WAITING:
            raise Problem(503, "too many searches wait", {"Retry-After": "2"})
        self._waiting += 1
        call = asyncio.get_running_loop().run_in_executor(self._threads, self._work, work)
        call.add_done_callback(self._ended)
        try:
            # A thread cannot be cancelled: a call keeps its place until it ends, also when the client leaves.
            return await asyncio.shield(call)
        except ArchiveUnavailable as error:
            raise Problem(503, _reason(error), {"Retry-After": "5"}) from None
        except BadArchive as error:
            raise Problem(503, _reason(error), {"Retry-After": "60"}) from None

    async def run_for(self, client: str, work: Callable[[Any], Answer]) -> Answer:
        """As `run`, a few at a time for one address, which keep their turns until they end. Raises Problem."""
        if self._of[client] >= EACH + EACH_WAITING:
            raise Problem(429, "too many searches of this address wait", {"Retry-After": "2"})
        self._of[client] += 1
        call = asyncio.create_task(self._in_turn(client, work))
        self._calls.add(call)
        call.add_done_callback(self._done)
        return await asyncio.shield(call)

    def _done(self, call: asyncio.Task[Any]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # the client that would hear of it may have left

    async def _in_turn(self, client: str, work: Callable[[Any], Answer]) -> Answer:
        try:
            async with self._turns.setdefault(client, asyncio.Semaphore(EACH)):
                return await self.run(work)
        finally:
            self._of[client] -= 1
            if not self._of[client]:  # else addresses would accumulate
                del self._of[client], self._turns[client]

    def _ended(self, call: "asyncio.Future[Any]") -> None:
        self._waiting -= 1
        if not call.cancelled():
            call.exception()  # the client that would hear of it may have left

    def _work(self, work: Callable[[Any], Answer]) -> Answer:
        if self._reader is None:
            from tweetream.archive.search import ArchiveReader

            self._reader = ArchiveReader(parse_address(self._url))
        return work(self._reader)

    async def search(self, request: web.Request) -> web.Response:
        """A page of a search (SearchAnswer), newest first."""
        self.require()
        client = self._counted(request)
        number = query.whole_number(request, "last", 100, MAX_LAST, least=1)
        asked = await self._search(request, client)
        return json_body(await self.run_for(client, lambda reader: self._page(reader, asked, number)))

    def _page(self, reader: Any, asked: Any, number: int) -> bytes:
        """A page as JSON (SearchAnswer). A thread makes it, since it can have 2 MiB."""
        found, older = reader.page(asked, number)
        posts = [SearchPost(**_fields(post), position=_position(post.key)) for post in self._kept(found)]
        before = _position(found[-1].key) if older else None
        return msgspec.json.encode(SearchAnswer(posts, before, _position(found[0].key) if found else None))

    def _kept(self, posts: list[Any]) -> list[Any]:
        return [post for post in posts if not self._is_retracted(post.id)]

    async def whole(self, request: web.Request, name: str, is_topic: bool) -> AsyncIterator[list[Any]]:
        """All posts of a topic that pass the filter, oldest first, some at a time. Raises Problem.

        It reads as fast as one address may, and waits where many read.
        """
        self.require()
        client = self._addresses.of(request)
        asked = msgspec.structs.replace(await self._search(request, client), topic=name)
        if not is_topic and not await self.run_for(client, lambda reader: reader.number(name)):
            raise _unknown(name)
        while found := await self._oldest(client, asked):
            yield self._kept(found)
            asked = msgspec.structs.replace(asked, after=found[-1].key)

    async def _oldest(self, client: str, asked: Any) -> list[Any]:
        """A page of an export, at the pace of its address. What a moment mends is tried again. Raises Problem."""
        await self._rate.pace(client, PATIENCE)
        for attempt in range(TRIES):
            try:
                return await self.run_for(client, lambda reader: reader.oldest(asked, MAX_LAST))
            except Problem as error:
                if error.status not in (429, 503) or attempt == TRIES - 1:
                    raise
                await asyncio.sleep(PAUSE)
        raise AssertionError

    def _counted(self, request: web.Request) -> str:
        """The client of a call, which counts. Raises Problem if it makes too many."""
        client = self._addresses.of(request)
        self._rate.take(client)
        return client

    async def _search(self, request: web.Request, client: str) -> Any:
        from tweetream.archive.search import Search

        given = request.query.get
        try:
            terms = tuple(parse_query(given("q", ""))) if given("q", "").strip() else ()
        except BadQuery as error:
            raise Problem(400, str(error)) from None
        topic = given("topic")
        if topic is not None:
            query.topic_name(topic)
        kept = query.post_filter(request)
        if kept.label is not None:
            await self._check_label(kept.label, client)
        return Search(
            terms, topic, kept.label, query.text(request, "author"), query.text(request, "source"),
            query.moment(request, "since"), query.moment(request, "until"), kept.min_score, _key(request),
        )  # fmt: skip

    async def _check_label(self, label: str, client: str) -> None:
        """Raise Problem if no post can have the label. An earlier model may have had others."""
        if label == UNSURE or await self.run_for(client, lambda reader: reader.has_label(label)):
            return
        known = {*await self._labels(), UNSURE}
        if label not in known:
            raise Problem(400, f"label is one of {', '.join(sorted(known))}")

    async def stats(self, request: web.Request, name: str, now: int, is_topic: bool) -> web.Response:
        """The numbers of posts by step, label and source ([MinuteAnswer]), also of steps without posts."""
        self.require()
        client = self._counted(request)
        if "minutes" in request.query:
            raise Problem(400, "minutes is for the last hour; with since, until or step leave it out")
        step = STEPS.get(request.query.get("step", "hour"))
        if step is None:
            raise Problem(400, f"step is one of {', '.join(STEPS)}")
        until = query.moment(request, "until")
        end = -(-(now + 1 if until is None else until) // MINUTE)
        since = query.moment(request, "since")
        first = (end - 24 * 60 if since is None else since // MINUTE) // step * step
        if (end - first) / step > MAX_STEPS:
            raise Problem(400, f"these are more than {MAX_STEPS} steps: choose a longer step or a shorter time")
        steps = range(first, end, step)
        body = await self.run_for(client, lambda reader: _steps(reader.counts(name, first, end, step), steps, is_topic))
        if body is None:
            raise _unknown(name)
        return json_body(body)


def _unknown(name: str) -> Problem:
    return Problem(404, f"there is no topic {name}, and the archive has no post of it")


def _reason(error: Exception) -> str:
    return f"the archive cannot be read: {printable(error)}"


def _fields(post: Any) -> dict[str, Any]:
    return {name: getattr(post, name) for name in post.__struct_fields__ if name != "key"}


def _position(key: int) -> str:
    return str(Position(NAME, GENERATION, key))


def _key(request: web.Request) -> int | None:
    text = request.query.get("before")
    if text is None:
        return None
    found = query.positions(text)
    if list(found) != [NAME] or found[NAME].generation != GENERATION:
        raise Problem(400, "before is the position of a post in another search")
    return found[NAME].offset


def _steps(counts: list[tuple[int, str, str, int]], asked: range, is_topic: bool) -> bytes | None:
    """The steps as JSON; None without any count, unless there is the topic."""
    if not counts and not is_topic:
        return None
    answers = {start: MinuteAnswer(rfc3339(start * MINUTE), {}, {}) for start in asked}
    for start, label, source, posts in counts:
        answer = answers[start]
        answer.labels[label] = answer.labels.get(label, 0) + posts
        answer.sources[source] = answer.sources.get(source, 0) + posts
    return msgspec.json.encode(list(answers.values()))
