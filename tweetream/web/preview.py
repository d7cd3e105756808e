"""`POST /topics?dry_run=true`: how many posts of the last hour a track would match. Nothing is made.

It reads Kafka and costs CPU. So a caller needs the right to change topics, one preview runs at a time, and the rate of
each client is limited. A preview ends its work although its client leaves: what runs in a thread cannot be stopped.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from aiohttp import web

from tweetream.app import app, kafka, settings
from tweetream.kafka.recent import Recent, recent_posts
from tweetream.matching import preview, warnings
from tweetream.models.feed import rfc3339
from tweetream.models.post import Post
from tweetream.models.topic import BadTopic
from tweetream.topology import POSTS, now_ms
from tweetream.web.call_rate import CallRate
from tweetream.web.limits import ClientAddresses
from tweetream.web.problems import Problem
from tweetream.web.schemas import PreviewAnswer, PreviewPost

HOUR = 3_600_000  # ms
TIMEOUT = 5.0  # seconds for reading
SLICE = 200  # texts without a pause
WAITING = 8  # previews that may wait for their turn
BURST, PER_SECOND = 20, 1.0  # of one client


class Previews:
    """The previews of a worker, one at a time."""

    def __init__(self) -> None:
        self._rate = CallRate(BURST, PER_SECOND)
        self._addresses = ClientAddresses(settings.trusted_proxies)
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[PreviewAnswer]] = set()

    def count(self, request: web.Request) -> None:
        """Count a call of the client. Raises Problem if that is too many."""
        self._rate.take(self._addresses.of(request))

    async def of(self, track: Sequence[str]) -> PreviewAnswer:
        """The preview of a track. Raises Problem if it is no list of terms, or if too many previews wait."""
        try:
            found = warnings(track)
        except BadTopic as error:
            raise Problem(400, str(error)) from None
        if len(self._tasks) > WAITING:
            raise Problem(503, "too many previews wait", {"Retry-After": "5"})
        task = asyncio.create_task(self._run(track, found))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def stop(self) -> None:
        """End what runs."""
        for task in self._tasks:
            task.cancel()

    def _done(self, task: asyncio.Task[PreviewAnswer]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the client that would hear of it may have left

    async def _run(self, track: Sequence[str], found: list[str]) -> PreviewAnswer:
        async with self._turn:
            recent = await recent_posts(kafka, POSTS, settings.partitions, now_ms() - HOUR, TIMEOUT)
            if not recent.share:
                raise Problem(503, "the posts of the last hour could not be read in time", {"Retry-After": "5"})
            return await asyncio.to_thread(answer, track, recent, found)


def answer(track: Sequence[str], recent: Recent, found: Sequence[str]) -> PreviewAnswer:
    """The answer for a track, the posts that were read, and the warnings so far."""
    posts = sorted(recent.posts, key=lambda post: post.received_at, reverse=True)
    matches, shown = preview(track, _resting(post.text for post in posts))
    said = list(found)
    if recent.share < 1:
        said.append(f"this is an estimate from {len(posts)} posts, {recent.share:.1%} of the last hour")
        matches = round(matches / recent.share) if recent.share else 0
    elif not posts:
        said.append("no post was read in the last hour, so nothing can match")
    if any(url.startswith("x:") for url in settings.sources):
        said.append("X sends only posts that match the present topics, so it may have more for this one")
    return PreviewAnswer(matches, [_shown(posts[number]) for number in shown], said)


def _resting(texts: Iterable[str]) -> Iterator[str]:
    """The texts, with pauses as long as the work: one interpreter serves all threads, also the streams'."""
    began = time.perf_counter()
    for number, text in enumerate(texts, 1):
        yield text
        if number % SLICE == 0:
            time.sleep(time.perf_counter() - began)
            began = time.perf_counter()


def _shown(post: Post) -> PreviewPost:
    created = None if post.created_at is None else rfc3339(post.created_at)
    return PreviewPost(
        post.id, post.source, post.url, post.author, post.text, post.lang, created, rfc3339(post.received_at)
    )


@cache
def previews() -> Previews:
    """This worker's own."""
    return Previews()


@app.closing
async def _stop() -> None:
    previews().stop()
