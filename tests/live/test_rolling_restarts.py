"""Three workers are restarted one after the other, five times, under 200 clients: each has every post once."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import Worker, workers

BUSY, QUIET = "nomor", "langka"
RATE = 50
SELDOM = 200  # one post of so many is of the quiet topic
ROUNDS = 5
CLIENTS = 100  # of each topic
_EVENT = re.compile(rb"(?:^|\n)(?:id: ([^\n]*)\n)?(?:event: ([^\n]*)\n)?data: ([^\n]*)$")


def lines(path: Path, count: int) -> Path:
    """Numbered posts of the busy topic; some are also of the quiet one."""
    path.write_text("".join(f"nomor {n} di jalan{' langka' * (n % SELDOM == 0)}\n" for n in range(1, count + 1)))
    return path


class Follower:
    """A client of one topic that resumes on any worker. Without `since` it begins with the next post."""

    def __init__(self, group: Sequence[Worker], topic: str, number: int) -> None:
        self.topic, self.other = topic, Counter[str]()
        self.begun_at: int | None = None  # the offset of the last post before those that it asked for
        self._random, self._group = random.Random(number), group
        self._query = {"since": "0"} if number % 2 else {}
        self._last_id = ""
        self.seen: list[int] = []

    async def run(self, session: aiohttp.ClientSession) -> None:
        while True:
            try:
                await self._follow(session)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.1)

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        url = f"{self._random.choice(self._group).url}/feeds/{self.topic}"
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        async with session.get(url, headers=headers, params=self._query) as answer:
            if answer.status != 200:
                self.other[str(answer.status)] += 1
                await asyncio.sleep(0.2)
                return
            rest = b""
            async for data in answer.content.iter_any():
                *blocks, rest = (rest + data).split(b"\n\n")
                for match in filter(None, map(_EVENT.search, blocks)):
                    self._take(*match.groups(b""))

    def _take(self, id: bytes, name: bytes, data: bytes) -> None:
        self._last_id = id.decode() or self._last_id
        if not name:
            self.seen.append(int(json.loads(data)["text"].split()[1]))
        elif name == b"position" and self.begun_at is None:
            self.begun_at = int(id.rpartition(b":")[2])
        elif name != b"position":
            self.other[name.decode()] += 1

    def missing_and_doubled(self, feed: list[int]) -> tuple[list[int], list[int]]:
        assert self.begun_at is not None
        past, rest = feed[: self.begun_at + 1], feed[self.begun_at + 1 :]
        expected = set(rest) - set(past)
        missing = sorted(expected - set(self.seen))
        return missing, [number for number, times in Counter(self.seen).items() if times > 1]


async def restart_all(group: Sequence[Worker]) -> None:
    """What a rolling restart does: one worker after the other, each ready before the next one ends."""
    for worker in group:
        await asyncio.to_thread(worker.stop)
        worker.start()
        await asyncio.to_thread(worker.wait_ready)


async def follow_through_restarts(group: Sequence[Worker], last: dict[str, int]) -> list[Follower]:
    followers = [Follower(group, topic, number) for number in range(CLIENTS) for topic in (BUSY, QUIET)]
    limits = aiohttp.ClientTimeout(total=None, connect=5, sock_read=20)
    async with aiohttp.ClientSession(timeout=limits, connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.create_task(follower.run(session)) for follower in followers]
        for number in range(ROUNDS):
            await restart_all(group)
            print(f"restarted {number + 1} times; posts seen: {sum(len(follower.seen) for follower in followers):,}")
        async with asyncio.timeout(180):
            while not all(last[follower.topic] in follower.seen[-RATE:] for follower in followers):
                await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return followers


@pytest.mark.soak
@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_two_hundred_clients_have_every_post_once_after_five_rolling_restarts(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    count = RATE * 120
    settings = {
        "SOURCES": f"replay:{lines(tmp_path / 'posts.txt', count)}?rate={RATE}",
        "TOPICS": f"{BUSY},{QUIET}",
        "MAX_STREAMS_PER_ADDRESS": 1000,
    }
    with workers(3, apache_kafka.url, namespace, tmp_path, **settings) as group:
        until(lambda: group[0].count(QUIET) >= 2, 60, "the quiet topic has a past")
        followers = asyncio.run(follow_through_restarts(group, {BUSY: count, QUIET: count}))
        topics = until(group[0].topics, 30, "topics")
        for topic in (BUSY, QUIET):
            found = asyncio.run(chaos.read_feed(apache_kafka.bootstrap, topics[topic]["kafka_topic"]))
            feed = [record.number for record in found]
            assert set(feed) == set(range(SELDOM if topic == QUIET else 1, count + 1, SELDOM if topic == QUIET else 1))
            for follower in followers:
                if follower.topic == topic:
                    assert follower.missing_and_doubled(feed) == ([], []), follower.other
                    assert not {"gap", "deleted"} & set(follower.other)
