"""How fast an archive takes posts, how large it gets, and how long searches take while it grows.

    python bench/archive.py [--posts 1000000] [--to sqlite|postgresql|URL] [--rate 2000]

`postgresql` is Debian's server with its own settings, started for this. The posts have the words of the sample in its
frequencies, each with words of its own. They come as records of a feed: decoding is measured too, Kafka is not. Then
posts come at a rate while one, two and three words are searched. At last all posts are looked through for the words of
a topic, as a backfill does.
"""

import argparse
import contextlib
import csv
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.postgres import running  # noqa: E402

from tweetream.archive.address import parse_address  # noqa: E402
from tweetream.archive.batch import Batch  # noqa: E402
from tweetream.archive.database import engine_of  # noqa: E402
from tweetream.archive.prefilter import Prefilter  # noqa: E402
from tweetream.archive.rows import FeedState, row_of  # noqa: E402
from tweetream.archive.search import ArchiveReader, Search  # noqa: E402
from tweetream.archive.stores import store_of  # noqa: E402
from tweetream.archive.words import BadQuery, parse_query  # noqa: E402
from tweetream.feeds.record import FeedRecord  # noqa: E402
from tweetream.matching import Matcher  # noqa: E402
from tweetream.models.codec import json_line  # noqa: E402
from tweetream.models.feed import FeedEntry, rfc3339  # noqa: E402
from tweetream.text import normalise  # noqa: E402

BEGIN = 1_790_000_000_000
RARE = 50_000  # different words besides those of the sample
PAGE = 5_000  # posts looked at together
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
    at_once = store.max_rows
    for done in range(at_once, number + 1, at_once):
        records = posts.records(at_once)
        began, began_cpu = time.perf_counter(), time.process_time()
        rows = [row for record in records if (row := row_of(record, "jakarta")) is not None]
        store.write(Batch(rows, {"bench-feed-jakarta-1": FeedState("jakarta", done)}))
        spent, cpu = spent + time.perf_counter() - began, cpu + time.process_time() - began_cpu
        if done % (5 * at_once) == 0:
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


def look(url: str) -> None:
    """Look through all posts for topics, as a backfill does."""
    reader = ArchiveReader(parse_address(url))
    for track in (["kata4711"], ["macet"], ["*"]):
        rule, match = Prefilter(track), Matcher({"": track}).match
        last: int | None = 0
        looks = matching = 0
        began, began_cpu = time.perf_counter(), time.process_time()
        while last is not None:
            last, found = reader.scan(rule, last, 2**63 - 1, PAGE)
            keys = [key for key, text in found if rule.passes(text) and match(normalise(text))]
            matching += len(reader.by_keys(keys))
            looks += PAGE
        spent, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        print(
            f"track {track[0]}: {matching:,} match; {looks / spent:,.0f} looked at a second, {cpu / looks * 1e6:.1f} µs"
        )
    reader.close()


def size(url: str) -> int:
    """Bytes of the archive."""
    address = parse_address(url)
    if address.kind == "sqlite":
        return Path(address.place).stat().st_size
    with engine_of(address, write=False).connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def measure(options: argparse.Namespace, url: str) -> None:
    posts = Posts()
    fill(posts, options.posts, url)
    print(f"{size(url) / options.posts:,.0f} bytes a post", flush=True)
    search(posts, url, options.rate)
    look(url)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--to", default="sqlite", help="sqlite, postgresql, or the address of an empty archive")
    parser.add_argument("--rate", type=int, default=2_000, help="posts a second while it is searched")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="archive-", dir="/tmp") as folder:
        if options.to == "sqlite":
            measure(options, f"sqlite:///{folder}/posts.db")
        elif options.to == "postgresql":
            with running(Path(folder), ("-c", "listen_addresses=")) as server:
                server.sql("postgres", "CREATE DATABASE posts")
                measure(options, server.url("posts"))
        else:
            measure(options, options.to)


if __name__ == "__main__":
    main()
