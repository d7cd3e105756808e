"""Batches of posts for tests of archives, without Kafka; and an archiver as users start it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from support.kafka.deployment import entry

from tweetream.archive.address import parse_address
from tweetream.archive.batch import Batch, Store
from tweetream.archive.rows import FeedState, Row, ms_of
from tweetream.archive.stores import store_of
from tweetream.kafka.embedded import dies_with_parent
from tweetream.models.feed import FeedEntry

FEED = "n-feed-macet-1"


def row(post: FeedEntry, topic: str = "macet") -> Row:
    return Row(post, ms_of(post.received_at), [topic])


def batch(posts: Iterable[FeedEntry], until: int = 0, topic: str = "macet") -> Batch:
    """Posts of a topic's feed, which then is read until an offset."""
    return Batch([row(post, topic) for post in posts], {FEED: FeedState(topic, until)})


def numbered(*numbers: int, topic: str = "macet") -> Batch:
    return batch([entry(n, topic) for n in numbers], max(numbers) + 1, topic)


def store(url: str, namespace: str = "n") -> Store:
    return store_of(parse_address(url), namespace, 3600.0)


@contextlib.contextmanager
def archiver(folder: Path, broker: str, namespace: str) -> Iterator[None]:
    """The process, within a block. It writes `posts.db` in the folder."""
    command = [sys.executable, "-m", "tweetream", "archive", "--to", f"sqlite:///{folder}/posts.db"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    own = {"TWEETREAM_BROKER": broker, "TWEETREAM_NAMESPACE": namespace}
    process = subprocess.Popen(
        command, env=clean | own, cwd=folder, stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent()
    )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(15) == 0
