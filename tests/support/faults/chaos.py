"""Workers that die at random while numbered posts flow: the posts in the feed, and those that a client saw.

The feed is read by an independent Kafka client; the client is httpx-sse, which goes to another worker with
its last id whenever a stream ends. Limits: one topic, one source.
"""

import asyncio
import contextlib
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import httpx
from httpx_sse import connect_sse
from support.kafka.plain_clients import feed_records
from support.waiting import until
from support.workers import Worker

from tweetream.models.feed import Stamp

TOPIC = "nomor"
QUIET = 60.0  # seconds without a post after which the last one is not waited for


def numbered_lines(path: Path, count: int) -> Path:
    """Posts that all match TOPIC and say their number, from 1."""
    path.write_text("".join(f"nomor {number} di jalan\n" for number in range(1, count + 1)))
    return path


def number_of(data: str) -> int:
    return int(json.loads(data)["text"].split()[1])


class Address(Protocol):
    """A worker, or the proxy before some."""

    @property
    def url(self) -> str: ...


class Client(threading.Thread):
    """Follows the feed over SSE; resumes on whichever worker answers."""

    def __init__(self, workers: Sequence[Address], seed: int = 0) -> None:
        super().__init__(daemon=True)
        self.seen: list[int] = []
        self.gaps: list[str] = []
        self.seen_before: list[int] = []  # how many posts, for each gap
        self.odd: list[str] = []  # events that are none of those a client is told of
        self.streams = 0
        self.longest_pause = 0.0  # seconds between two posts
        self.last_at = 0.0  # of the last post, by time.monotonic()
        self._workers = workers
        self._random = random.Random(seed)
        self._last_id = ""
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            worker = self._random.choice(self._workers)
            try:
                self._follow(worker)
            except (httpx.HTTPError, AssertionError):
                time.sleep(0.1)

    def _follow(self, worker: Address) -> None:
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        url = f"{worker.url}/feeds/{TOPIC}"
        timeout = httpx.Timeout(5, read=20)
        with (
            httpx.Client(timeout=timeout) as client,
            connect_sse(client, "GET", url, headers=headers, params={"since": "0"}) as source,
        ):
            if source.response.status_code != 200:
                time.sleep(0.2)
                return
            self.streams += 1
            for event in source.iter_sse():
                if event.event == "message":
                    self._note(number_of(event.data))
                    self._last_id = event.id
                elif event.event == "position":
                    self._last_id = event.id
                elif event.event == "gap":
                    self.seen_before.append(len(self.seen))
                    self.gaps.append(event.data)
                else:
                    self.odd.append(f"{event.event} {event.data}")
                if self._ended.is_set():
                    return

    def _note(self, number: int) -> None:
        now = time.monotonic()
        if self.last_at:
            self.longest_pause = max(self.longest_pause, now - self.last_at)
        self.last_at = now
        self.seen.append(number)

    def end(self) -> None:
        self._ended.set()


@dataclass
class Destroyed:
    """What faults destroyed by themselves: the numbers of posts, and the gaps that the client was told."""

    in_feed: set[int] = field(default_factory=set)  # what a feed's Kafka topic had when it was deleted
    unread: set[int] = field(default_factory=set)  # of that, what the client had not reached
    gaps: int = 0


@dataclass
class Report:
    """What came of it."""

    sent: int
    faults: list[str]
    feed_records: int = 0
    missing_in_feed: list[int] = field(default_factory=list)
    redelivered: int = 0
    missing_at_client: list[int] = field(default_factory=list)
    doubled_at_client: list[int] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    streams: int = 0
    longest_pause: float = 0.0
    jumps: int = 0
    counted: int = 0  # by the topic's counts, as REST tells them
    destroyed: int = 0  # by the faults themselves, at the client
    gaps_told: int = 0  # because of that

    def rows(self) -> dict[str, str]:
        on_streaming = sum("streaming" in fault for fault in self.faults)
        kinds = Counter(fault.split()[0] for fault in self.faults)
        return {
            "sent": f"{self.sent:,}",
            "in the feed": f"{self.feed_records:,}",
            "lost in the feed": f"{len(self.missing_in_feed):,}",
            "lost at the client": f"{len(self.missing_at_client):,}",
            "destroyed by the fault": f"{self.destroyed:,}",
            "redelivered": f"{self.redelivered:,}",
            "doubled to the client": f"{len(self.doubled_at_client):,}",
            "gaps told to the client": f"{len(self.gaps):,}",
            "streams of the client": f"{self.streams:,}",
            "longest pause, s": f"{self.longest_pause:.1f}",
            "counted": f"{self.counted:,}",
            "offset jumps caught": f"{self.jumps:,}",
            "faults": ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "none",
            "of them on the worker that streams": f"{on_streaming:,}",
        }

    def table(self) -> str:
        return "\n".join(f"{name:<36}{value:>36}" for name, value in self.rows().items())

    def faults_found(self) -> list[str]:
        """What must not be, a line each."""
        numbers = {
            "lost in the feed": self.missing_in_feed,
            "lost at the client": self.missing_at_client,
            "doubled to the client": self.doubled_at_client,
        }
        texts = {"gaps": self.gaps[self.gaps_told :], "events of another name": self.odd}
        found = [f"{name}: {ranges(some)}, {len(some)} in all" for name, some in numbers.items() if some]
        found += [f"{name}: {some[:10]}, {len(some)} in all" for name, some in texts.items() if some]
        if not self.sent - self.destroyed <= self.counted <= self.sent:
            found.append(f"counted {self.counted} of {self.sent}")
        return found

    def check(self) -> None:
        """Everything came, and a client saw nothing twice."""
        assert not self.faults_found(), self.faults_found()


def ranges(numbers: Sequence[int]) -> str:
    """Numbers in their order, as ranges: the first 20 of them."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{low}-{high}" if low < high else f"{low}" for low, high in found[:20])


class Seen(NamedTuple):
    """A record of the feed: the post's number, the epoch it was read in, and when (seconds since 1970)."""

    number: int
    epoch: int
    received_at: float


def seen(record: Any) -> Seen:
    post = json.loads(record.value)
    epoch = Stamp.unpack(dict(record.headers)["origin"]).epoch
    return Seen(int(post["text"].split()[1]), epoch, datetime.fromisoformat(post["received_at"]).timestamp())


def moved_after(records: Sequence[Seen], signalled_at: float) -> float:
    """Seconds from a signal (seconds since 1970) until another worker read its first post."""
    before = max(record.epoch for record in records if record.received_at < signalled_at)
    return min(record.received_at for record in records if record.epoch > before) - signalled_at


async def read_feed(bootstrap: str, kafka_topic: str) -> list[Seen]:
    """The feed's records, in order, by a Kafka client that knows nothing of us."""
    return [seen(record) for record in await feed_records(bootstrap, kafka_topic)]


def streaming(workers: Sequence[Worker]) -> Worker | None:
    """The worker that reads the source now."""
    before = {worker: worker.metric("tweetream_posts_read_total") for worker in workers}
    time.sleep(0.3)
    grown = {worker: worker.metric("tweetream_posts_read_total") - before[worker] for worker in workers}
    best = max(workers, key=lambda worker: grown[worker])
    return best if grown[best] > 0 else None


def strike(workers: Sequence[Worker], kind: signal.Signals, on_streaming: bool, pause: float) -> str:
    """Kill one worker, the streaming one or another, and start it again after a pause. Returns what was done."""
    victim = until(lambda: streaming(workers), 30, "somebody streams")
    if not on_streaming:
        victim = random.choice([worker for worker in workers if worker is not victim])
    victim.signal(kind)
    assert victim.process is not None
    victim.process.wait(15)
    time.sleep(pause)
    victim.start()
    return f"{kind.name} {'streaming' if on_streaming else 'other'}"


def jumps(workers: Sequence[Worker]) -> int:
    """Jumps in offsets that were caught in all the workers' lives: a worker that was killed took its counter along."""
    logs = [worker.log.read_text(errors="replace") for worker in workers]
    return sum(line.count("fetching again") + line.count("are gone") for log in logs for line in log.splitlines())


def _wait_for(client: Client, last: int) -> None:
    """Until the client has the last line, or no other: what is missing is in the report."""
    while last not in client.seen[-5000:]:
        before = len(client.seen)
        try:
            until(lambda before=before: len(client.seen) > before, QUIET, "another post", 0.5)
        except AssertionError:
            return


def finish(
    bootstrap: str,
    workers: Sequence[Worker],
    client: Client,
    sent: int,
    faults: list[str],
    destroyed: Destroyed | None = None,
) -> Report:
    """Wait until the last line is at the client, and compare."""
    destroyed = destroyed or Destroyed()
    for worker in workers:
        worker.wait_ready()
    _wait_for(client, sent)
    with contextlib.suppress(AssertionError):
        until(lambda: workers[0].count(TOPIC) == sent, 15, "all are counted")
    time.sleep(2)
    client.end()
    kafka_topic = until(lambda: workers[0].topics(), 30, "topics")[TOPIC]["kafka_topic"]
    in_feed = [record.number for record in asyncio.run(read_feed(bootstrap, kafka_topic))]
    all_lines = set(range(1, sent + 1))
    missing = all_lines - set(client.seen)
    return Report(
        sent,
        faults,
        feed_records=len(in_feed),
        missing_in_feed=sorted(all_lines - set(in_feed) - destroyed.in_feed),
        redelivered=len(in_feed) - len(set(in_feed)),
        missing_at_client=sorted(missing - destroyed.unread),
        doubled_at_client=sorted(number for number, times in Counter(client.seen).items() if times > 1),
        gaps=client.gaps,
        odd=client.odd,
        streams=client.streams,
        longest_pause=client.longest_pause,
        jumps=jumps(workers),
        counted=workers[0].count(TOPIC),
        destroyed=len(missing & destroyed.unread),
        gaps_told=destroyed.gaps,
    )
