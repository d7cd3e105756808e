"""Workers of one group that are given the posts at a moment of our choosing.

The one that streams replays an empty file over and over until all have come to rest. The posts are put in that file's
place, and an empty one again as soon as it is opened, so nothing of a start is measured and no post is read twice.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import quote

import measure
from corpus import Corpus

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.waiting import until  # noqa: E402
from support.workers import Worker  # noqa: E402

WARM = 4  # a fourth of the posts runs first, unmeasured: a Java machine compiles itself while it works


class Fed:
    """So many workers for a `with` block. `rate` is the pace of the posts (posts/s), 0: as fast as they can."""

    def __init__(
        self, corpus: Corpus, kafka: ApacheKafka, folder: Path, count: int, partitions: int, rate: int = 0
    ) -> None:
        self._corpus, self._kafka, self._folder = corpus, kafka, folder
        self._fed = 0
        self._place = write(folder / "posts.txt", [])
        self.workers = [
            Worker(
                kafka.url,
                f"bench-{count}-{rate}",
                folder,
                PARTITIONS=partitions,
                SESSION_TIMEOUT="10s",
                REBALANCE_TIMEOUT="10s",
                SOURCES=f"replay:{quote(str(self._place))}?rate={rate}&loop=true",
                TOPICS=",".join(corpus.topics),
                MAX_TOPICS=max(1_000, len(corpus.topics) + 1),
            )
            for _ in range(count)
        ]

    def __enter__(self) -> Self:
        count = len(self._corpus.topics)
        try:
            for worker in self.workers:
                worker.start().wait_ready()
            for worker in self.workers:
                until(lambda worker=worker: len(worker.topics()) == count, 60 + count, "the topics")
        except BaseException:  # Ctrl-C too must leave no process
            self.__exit__()
            raise
        self._feeds = [topic["kafka_topic"] for topic in self.workers[0].topics().values()]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self.workers]

    def warm(self) -> None:
        """Let the first posts through, unmeasured."""
        first = len(self._corpus.lines) // WARM
        self.run(self._corpus.lines[:first], sum(self._corpus.matches[:first]))

    def run(self, lines: list[str], records: int) -> tuple[float, float]:
        """Seconds and CPU that these lines take, which become so many records in the feeds."""
        measure.wait_calm(self.pids)
        self._fed += records
        begin = partial(self._begin, lines)
        return asyncio.run(measure.run(self.pids, self._kafka.bootstrap, self._feeds, begin, self._fed))

    def _begin(self, lines: list[str]) -> None:
        measure.give(self.pids, write(self._folder / "waiting.txt", lines), self._place)
        write(self._folder / "empty.txt", []).rename(self._place)


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
