"""The worker beside what one would write instead, over the same posts, functions and model, in one table.

    python bench/peers.py FILE…        # needs: pip install tweetream[bench]

FILE is text, a post a line. Each peer is a program of its own, as its documentation says: a script on confluent-kafka,
Bytewax, Quix Streams and plain Faust (`peer_*.py`). Peers read JSON from 8 partitions of a topic and write JSON to ten
feeds, at least once, by an idempotent producer where they have one. The worker reads the same posts from a file, writes
them to Kafka in batches, tags them in a second topic, and counts them. The script in two steps tags and counts too, a
record a post, but finds its posts in Kafka. A fourth of the posts runs first, unmeasured. CPU is that of the whole
process.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import measure
from corpus import BadCorpus, Corpus, make, read
from fed import WARM, Fed
from measure import Failed, Measured
from pipeline import bare_work

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.kafka.jars import ApacheKafkaError, missing  # noqa: E402

from tweetream.kafka import admin  # noqa: E402
from tweetream.kafka.connection import Connection  # noqa: E402
from tweetream.kafka.embedded import dies_with_parent  # noqa: E402

PACKAGES = {"confluent_kafka": "confluent-kafka", "bytewax": "bytewax", "quixstreams": "quixstreams"}
PARTITIONS = 8
READY = 20.0  # seconds that a peer gets to join its group


class Peer(NamedTuple):
    """A peer: its program with arguments, by how much fewer posts it gets since it is slow, and what topics it adds."""

    name: str
    command: tuple[str, ...]
    fewer: int = 1
    topics: tuple[str, ...] = ()


PEERS = (
    Peer("confluent-kafka, a script", ("peer_confluent.py",)),
    Peer("the script in two steps", ("peer_two_hops.py",), topics=("tagged", "counts")),
    Peer("Bytewax", ("peer_bytewax.py",)),
    Peer("Quix Streams, a post a record", ("peer_quix.py",), 8),
    Peer("plain Faust, a post a record", ("peer_faust.py", "worker", "-l", "info", "--without-web"), 16),
)


def main() -> int:
    """Run all and print the table; 2 when something is missing or a run fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="posts, one a line")
    parser.add_argument("--posts", type=int, default=100_000, help="slow peers get fewer (default %(default)s)")
    options = parser.parse_args()
    lacking = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if lacking:
        return _refuse(f"{', '.join(lacking)} missing: pip install tweetream[bench]")
    if reason := missing():
        return _refuse(f"Apache Kafka cannot run: {reason}")
    try:
        corpus = make(read(options.files), options.posts)
        _print_all(corpus)
    except (BadCorpus, ApacheKafkaError, Failed, AssertionError) as error:
        return _refuse(str(error))
    return 0


def _refuse(line: str) -> int:
    print(f"peers: {line}", file=sys.stderr)
    return 2


def _print_all(corpus: Corpus) -> None:
    print(f"{'':<32}{'posts':>9}{'posts/s':>10}{'CPU µs/post':>13}{'to the floor':>14}", flush=True)
    bare = bare_work(corpus)
    _print("the bare functions", bare, bare)
    with tempfile.TemporaryDirectory(prefix="tweetream-peers-") as name, ApacheKafka(quick=False) as kafka:
        folder = Path(name).resolve()
        with Fed(corpus, kafka, folder, 1, PARTITIONS) as fed:
            fed.warm()
            worker = Measured(len(corpus.lines), *fed.run(corpus.lines, sum(corpus.matches)))
        for number, peer in enumerate(PEERS):
            _print(peer.name, _measured(peer, number, corpus, kafka, folder), bare)
    _print("Tweetream", worker, bare)


def _print(name: str, run: Measured, bare: Measured) -> None:
    ratio = run.cpu_each / bare.cpu_each
    print(f"{name:<32}{run.posts:>9,}{run.rate:>10,.0f}{run.cpu_each:>13.1f}{ratio:>14.2f}", flush=True)


def _measured(peer: Peer, number: int, corpus: Corpus, kafka: ApacheKafka, folder: Path) -> Measured:
    posts = f"peer-{number}-posts"
    feeds = {topic: f"peer-{number}-feed-{topic}" for topic in corpus.topics}
    by_arrival = {"message.timestamp.type": "LogAppendTime"}
    specs = [admin.TopicSpec(posts, PARTITIONS), *(admin.TopicSpec(feed, 1, by_arrival) for feed in feeds.values())]
    others = {name: f"peer-{number}-{name}" for name in peer.topics}
    specs += [admin.TopicSpec(name, PARTITIONS) for name in others.values()]
    asyncio.run(admin.create(Connection([kafka.bootstrap]), specs, 1))
    place = folder / posts
    place.mkdir()
    given = {
        "bootstrap": kafka.bootstrap,
        "posts": posts,
        "feeds": feeds,
        "partitions": PARTITIONS,
        "folder": str(place),
        **others,
    }
    count = len(corpus.lines) // peer.fewer
    expected = 0
    with _running(peer, given, place / "log") as process:
        for part in (count // WARM, count):
            lines = corpus.lines[:part]
            expected += sum(corpus.matches[:part])
            measure.wait_calm([process.pid])
            begin = partial(_fill, kafka.bootstrap, posts, lines)
            try:
                found = asyncio.run(measure.run([process.pid], kafka.bootstrap, feeds.values(), begin, expected))
            except Failed as error:
                last = (place / "log").read_text(errors="replace").splitlines()[-1:]
                raise Failed(f"{peer.name}: {error}; its log ends with {last}") from None
    return Measured(count, *found)


@contextmanager
def _running(peer: Peer, given: dict[str, object], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = Path(__file__).with_name(peer.command[0])
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(program), *peer.command[1:]],
            env=os.environ | {"PEER": json.dumps(given)},
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=dies_with_parent(),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _fill(bootstrap: str, topic: str, lines: list[str]) -> None:
    """Begin to write the posts into the topic, as JSON, from a thread of librdkafka and one of ours."""
    from confluent_kafka import Producer

    values = [json.dumps({"id": f"bench:{number}", "text": line}).encode() for number, line in enumerate(lines)]

    def write() -> None:
        producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": len(values) + 1})
        for number, value in enumerate(values):
            producer.produce(topic, value, partition=number // 100 % PARTITIONS)
        producer.flush()

    threading.Thread(target=write).start()


if __name__ == "__main__":
    sys.exit(main())
