"""How fast an archive takes posts, how large it gets, and how long searches take while it grows.

    python bench/archive.py [--posts 1000000] [--to sqlite:////tmp/posts.db] [--rate 2000]

The posts have the words of the sample in its frequencies, each with words of its own. They come as records of a feed:
decoding is measured too, Kafka is not. Then posts come at a rate while one, two and three words are searched.
"""

import argparse
import contextlib
import csv
import random
import resource
import statistics
import threading
import time
from collections.abc import Iterator
from importlib.resources import files

from tweetream.archive.address import parse_address
from tweetream.archive.batch import Batch
from tweetream.archive.rows import FeedState, row_of
from tweetream.archive.search import ArchiveReader, Search
from tweetream.archive.stores import store_of
from tweetream.archive.words import BadQuery, parse_query
from tweetream.feeds.record import FeedRecord
from tweetream.models.codec import json_line
from tweetream.models.feed import FeedEntry, rfc3339

AT_ONCE = 10_000
BEGIN = 1_790_000_000_000
RARE = 50_000  # different words besides those of the sample
SEARCHES = 200  # of each number of words


class Posts:
    """Records of a feed, from a seed. Making them is not measured."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        rows = csv.DictReader((files("tweetream") / "data" / "sample.csv").read_text("utf-8").splitlines())
        texts = [row["text"] for row in rows]
        common = [word for text in texts for word in text.split()]
        self._common = common
        self._words = [*self._random.choices(common, k=40 * RARE), *(f"kata{n}" for n in range(RARE))]
        self.number = 0

    def records(self, number: int) -> list[FeedRecord]:
        return [self._record() for _ in range(number)]

    def _record(self) -> FeedRecord:
        n = self.number = self.number + 1
        text = " ".join([self._random.choice(self._words) for _ in range(n % 20 + 5)])
        at, key = rfc3339(BEGIN + n), self._random.getrandbits(64)
        post = FeedEntry(
            f"at://did:plc:{key:016x}/app.bsky.feed.post/3l{n:x}", "jakarta", "bluesky",
            f"https://bsky.app/profile/did:plc:{key:016x}/post/3l{n:x}", f"did:plc:{key % 50_000:024d}", text, "id",
            at, at, ("traffic", "non_traffic")[n % 3 == 0], 0.9,
        )  # fmt: skip
        return FeedRecord(n, json_line(post), str(post.label), 0.9, BEGIN + n)

    def queries(self, words: int) -> Iterator[str]:
        """Words as people search for: common and rare ones."""
        for _ in range(SEARCHES):
            yield " ".join(self._random.choice(self._common) for _ in range(words))


def memory() -> int:
    """MB of this process at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def fill(posts: Posts, number: int, url: str) -> None:
    store = store_of(parse_address(url), "bench", 3600.0)
    store.open()
    spent = cpu = 0.0
    for done in range(AT_ONCE, number + 1, AT_ONCE):
        records = posts.records(AT_ONCE)
        began, began_cpu = time.perf_counter(), time.process_time()
        rows = [row for record in records if (row := row_of(record, "jakarta")) is not None]
        store.write(Batch(rows, {"bench-feed-jakarta-1": FeedState("jakarta", done)}))
        spent, cpu = spent + time.perf_counter() - began, cpu + time.process_time() - began_cpu
        if done % (10 * AT_ONCE) == 0:
            print(
                f"{done:>9,} posts: {done / spent:,.0f} a second, {cpu / done * 1e6:.1f} µs of our CPU, {memory()} MB",
                flush=True,
            )
    store.close()


def search(posts: Posts, url: str, rate: int) -> None:
    """Search while posts come at a rate."""
    stop = threading.Event()

    def grow() -> None:
        store = store_of(parse_address(url), "bench", 3600.0)
        store.open()
        while not stop.is_set():
            began = time.perf_counter()
            rows = [row for record in posts.records(rate // 2) if (row := row_of(record, "jakarta")) is not None]
            store.write(Batch(rows))
            stop.wait(max(0.0, 0.5 - (time.perf_counter() - began)))
        store.close()

    writer = threading.Thread(target=grow)
    if rate:
        writer.start()
        time.sleep(1.0)
    reader = ArchiveReader(parse_address(url))
    try:
        for words in (1, 2, 3):
            times = sorted(_times(reader, posts.queries(words)))
            print(
                f"{words} words: median {statistics.median(times):.1f} ms, p95 {times[len(times) * 95 // 100]:.1f} ms"
            )
    finally:
        stop.set()
        if rate:
            writer.join()
        reader.close()


def _times(reader: ArchiveReader, queries: Iterator[str]) -> Iterator[float]:
    """The ms that each search takes."""
    for asked in queries:
        with contextlib.suppress(BadQuery):  # an emoji alone
            terms = tuple(parse_query(asked))
            began = time.perf_counter()
            reader.page(Search(terms), 100)
            yield 1000 * (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--to", default="sqlite:////tmp/tweetream-bench.db", help="an empty archive")
    parser.add_argument("--rate", type=int, default=2_000, help="posts a second while it is searched")
    options = parser.parse_args()
    posts = Posts()
    fill(posts, options.posts, options.to)
    search(posts, options.to, options.rate)


if __name__ == "__main__":
    main()
