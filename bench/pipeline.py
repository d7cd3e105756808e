"""The pipeline's speed: the real worker, a naive pipeline, and the bare work, over the same posts, in one table.

    python bench/pipeline.py FILE…

FILE is text, a post a line. Apache Kafka runs on this machine for as long as it takes (Java 17 or newer, and Maven the
first time). The bare work (`floor`) is to normalise, match, clean and predict in batches of 200 and nothing else. Other
programs that run meanwhile make every number worse. Needs Linux.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import measure
import sampling
from corpus import BadCorpus, Corpus, make, make_many, read
from fed import WARM, Fed, write
from measure import Failed, Measured

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.kafka.jars import (
    ApacheKafkaError,
    missing,  # noqa: E402
)
from support.waiting import until  # noqa: E402

from tweetream.classifier.model import Classifier  # noqa: E402
from tweetream.kafka import admin  # noqa: E402
from tweetream.kafka.connection import Connection  # noqa: E402
from tweetream.kafka.embedded import dies_with_parent  # noqa: E402
from tweetream.matching import Matcher  # noqa: E402
from tweetream.text import Cleaner, normalise  # noqa: E402

BATCH = 200
FASTER = 40.0  # goal: the worker in posts/s, times the naive pipeline
DEARER = 2.0  # goal: the worker in CPU a post, times the floor
RATE = 20_000  # goal: posts/s on an idle machine of two cores


def main() -> int:
    """Run all three and print the table; 2 when something is missing or a run fails."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if reason := missing():
        return _refuse(f"Apache Kafka cannot run: {reason}")
    if options.profile and sampling.missing():
        return _refuse("--profile needs py-spy: pip install py-spy")
    try:
        if options.topics:
            return _many_topics(read(options.files), options)
        corpus = make(read(options.files), options.posts)
        print(f"{options.posts} posts; {corpus.shares()}\ntopics: {', '.join(corpus.topics)}", flush=True)
        runs = _run_all(corpus, options)
    except (BadCorpus, ApacheKafkaError, Failed, AssertionError) as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return _refuse("interrupted")
    print(_table(*runs))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="posts, one a line")
    parser.add_argument("--posts", type=_positive, default=200_000, help="for worker and floor (default %(default)s)")
    parser.add_argument("--naive-posts", type=_positive, default=10_000, help="of them (default %(default)s)")
    parser.add_argument(
        "--topics", type=_positive, action="append", metavar="N",
        help="instead, so many topics, each with as many posts as any other; repeatable: one after the other",
    )  # fmt: skip
    parser.add_argument(
        "--matches",
        type=_positive,
        default=1,
        metavar="N",
        help="topics a post matches, with --topics (default 1)",
    )
    parser.add_argument("--partitions", type=_positive, default=8, help="of each topic (default %(default)s)")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="write the worker's stacks there, by py-spy")
    options = parser.parse_args()
    options.naive_posts = min(options.naive_posts, options.posts)
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _refuse(line: str) -> int:
    print(f"pipeline: {line}", file=sys.stderr)
    return 2


def _run_all(corpus: Corpus, options: argparse.Namespace) -> tuple[Measured, Measured, Measured]:
    floor = bare_work(corpus)
    with tempfile.TemporaryDirectory(prefix="tweetream-bench-") as name, ApacheKafka(quick=False) as kafka:
        folder = Path(name).resolve()
        worker = _worker(corpus, kafka, folder, options)
        naive = _naive(corpus, kafka, folder, options)
    return worker, naive, floor


def _many_topics(lines: list[str], options: argparse.Namespace) -> int:
    """The worker and the bare work with each number of topics, in one table."""
    names = ("topics", "posts", "posts/s", "CPU µs/post", "floor", "MiB", "ready s", "rebuild s", "add s", "list s")
    print("".join([f"{name:>13}" for name in names]), flush=True)
    for number in options.topics:
        corpus = make_many(lines, options.posts, number, options.matches)
        floor = bare_work(corpus)
        with tempfile.TemporaryDirectory(prefix="tweetream-bench-") as name, ApacheKafka(quick=False) as kafka:
            began = time.monotonic()
            with Fed(corpus, kafka, Path(name).resolve(), 1, options.partitions) as fed:
                ready = time.monotonic() - began
                run = _measured(fed, corpus, options)
                size = measure.memory(fed.pids)
                times = _times(fed.workers[0].url, corpus.topics)
        row = f"{number:>13,}{run.posts:>13,}{run.rate:>13,.0f}{run.cpu_each:>13.1f}{floor.cpu_each:>13.1f}"
        print(f"{row}{size:>13.0f}{ready:>13.1f}{''.join([f'{time:>13.3f}' for time in times])}", flush=True)
    return 0


def _times(url: str, topics: list[str]) -> tuple[float, float, float]:
    """Seconds to build the matcher of the topics, to add one to the worker's, and to list them."""
    clock, began = time.perf_counter, time.perf_counter()
    Matcher({topic: [topic] for topic in topics})
    built = clock()
    httpx.post(f"{url}/topics", json={"name": "one-more"}, timeout=60).raise_for_status()
    added = clock()
    httpx.get(f"{url}/topics", timeout=60).raise_for_status()
    return built - began, added - built, clock() - added


def bare_work(corpus: Corpus) -> Measured:
    """The bare work, in this process."""
    cleaner, classifier = Cleaner(), Classifier.load()
    matcher = Matcher({topic: [topic] for topic in corpus.topics})

    def work(lines: list[str]) -> None:
        for start in range(0, len(lines), BATCH):
            texts = [normalise(line) for line in lines[start : start + BATCH]]
            found = [(text, topics) for text in texts if (topics := matcher.match(text))]
            classifier.predict([cleaner.clean(text) for text, _ in found])

    work(corpus.lines[: len(corpus.lines) // WARM])  # words that were met once are remembered, as in the worker
    began, cpu = time.perf_counter(), time.process_time()
    work(corpus.lines)
    return Measured(len(corpus.lines), time.perf_counter() - began, time.process_time() - cpu)


def _worker(corpus: Corpus, kafka: ApacheKafka, folder: Path, options: argparse.Namespace) -> Measured:
    """One worker, as users start it."""
    with Fed(corpus, kafka, folder, 1, options.partitions) as fed:
        return _measured(fed, corpus, options)


def _measured(fed: Fed, corpus: Corpus, options: argparse.Namespace) -> Measured:
    """The run of a worker after it is warm, with a profile beside it if wanted."""
    sampler = sampling.Sampler(options.profile) if options.profile else None
    fed.warm()
    if sampler:
        sampler.start(fed.workers[0].pid)
    try:
        seconds, cpu = fed.run(corpus.lines, sum(corpus.matches))
    finally:
        if sampler:
            sampler.stop()
    if sampler:
        print(f"\nthe worker's time by function (measured with the profiler beside it)\n{sampler.top()}\n")
    return Measured(len(corpus.lines), seconds, cpu)


def _naive(corpus: Corpus, kafka: ApacheKafka, folder: Path, options: argparse.Namespace) -> Measured:
    """The naive pipeline, on the first posts."""
    lines = corpus.lines[: options.naive_posts]
    place, posts = folder / "naive.txt", write(folder / "naive-waiting.txt", lines)
    feeds = {topic: f"naive-feed-{topic}" for topic in corpus.topics}
    by_arrival = {"message.timestamp.type": "LogAppendTime"}
    specs = [admin.TopicSpec(name, options.partitions) for name in ("naive-posts", "naive-tagged")]
    specs += [admin.TopicSpec(feed, 1, by_arrival) for feed in feeds.values()]
    asyncio.run(admin.create(Connection([kafka.bootstrap]), specs, 1))
    given = {
        "namespace": "naive",
        "broker": kafka.url,
        "posts": "naive-posts",
        "tagged": "naive-tagged",
        "feeds": feeds,
        "file": str(place),
        "folder": str(folder / "naive-data"),
        "partitions": options.partitions,
    }
    log = folder / "naive.log"
    with ExitStack() as stack:
        output = stack.enter_context(log.open("ab"))
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("naive.py")), "worker", "-l", "info", "--without-web"],
            env=os.environ | {"NAIVE": json.dumps(given)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=dies_with_parent(),
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        until(lambda: process.poll() is not None or measure.READY in log.read_text(), 60, "the naive pipeline is ready")
        if process.poll() is not None:
            raise Failed(f"the naive pipeline ended: {log.read_text().splitlines()[-1:]}")
        measure.wait_calm([process.pid])
        expected = sum(corpus.matches[: len(lines)])
        begin = partial(measure.give, [process.pid], posts, place)
        seconds, cpu = asyncio.run(measure.run([process.pid], kafka.bootstrap, feeds.values(), begin, expected))
    return Measured(len(lines), seconds, cpu)


def _table(worker: Measured, naive: Measured, floor: Measured) -> str:
    names = ("(a) worker", "(b) naive", "(c) floor")
    rows = [f"{'what':<12}{'posts':>10}{'seconds':>10}{'posts/s':>10}{'CPU µs/post':>14}"]
    rows += [
        f"{name:<12}{run.posts:>10,}{run.seconds:>10.2f}{run.rate:>10,.0f}{run.cpu_each:>14.1f}"
        for name, run in zip(names, (worker, naive, floor), strict=True)
    ]
    faster, dearer = worker.rate / naive.rate, worker.cpu_each / floor.cpu_each
    rows += [
        "",
        f"{'ratio':<28}{'here':>10}{'goal':>12}",
        f"{'a / b in posts/s':<28}{faster:>10.1f}{f'>= {FASTER:.0f}':>12}{_reached(faster >= FASTER)}",
        f"{'a / c in CPU a post':<28}{dearer:>10.2f}{f'<= {DEARER:.1f}':>12}{_reached(dearer <= DEARER)}",
        f"{'a in posts/s':<28}{worker.rate:>10,.0f}{f'>= {RATE:,}':>12}{_reached(worker.rate >= RATE)}",
    ]
    return "\n".join(rows)


def _reached(yes: bool) -> str:
    return "" if yes else "  missed"


if __name__ == "__main__":
    sys.exit(main())
