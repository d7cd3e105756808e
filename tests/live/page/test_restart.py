"""A worker on Apache Kafka that is killed, or a demo that ends, and is started again while the page is open."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect
from support.browser.page_load import everyday
from support.browser.tab import add, said, tab
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.plain_clients import feed_records
from support.kafka.post_writer import PostWriter
from support.waiting import until
from support.workers import Worker

from tweetream.kafka.embedded import free_ports

RATE, POSTS = 20, 300  # posts a second, and all of them


def feed(kafka: KafkaAddress, worker: Worker, topic: str) -> list[dict[str, str]]:
    """The posts of a feed, read by a client of its own, beside the browser's loop."""
    name = worker.topics()[topic]["kafka_topic"]
    with ThreadPoolExecutor(1) as beside:
        records = beside.submit(asyncio.run, feed_records(kafka.bootstrap, name)).result(60)
    return [json.loads(record.value) for record in records]


def test_a_page_that_stays_open_misses_nothing_and_doubles_nothing(
    apache_kafka: KafkaAddress, namespace: str, browser: Browser, tmp_path: Path
) -> None:
    worker = Worker(apache_kafka.url, namespace, tmp_path, PARTITIONS=1).start()
    try:
        worker.wait_ready()
        add(worker, "terus")
        with PostWriter(apache_kafka.bootstrap, namespace) as posting, tab(browser, worker.url) as reader:
            posts = everyday("terus", POSTS)
            reader.page.set_default_timeout(60_000)
            reader.open("/#terus").wait_for_state("live")
            writing = posting.write_at(posts, RATE)
            reader.wait_for_post(posts[POSTS // 4].id)
            worker.kill()
            reader.wait_for_state("lost", "waiting")
            worker.start()
            reader.wait_for_state("live")
            reader.wait_for_post(posts[-1].id)
            writing.result(60)
            worker.wait_ready()
            seen, _ = reader.walk()
            fed = {one["id"]: said(one["label"]) for one in feed(apache_kafka, worker, "terus")}
            assert seen[::-1] == list(fed) == [one.id for one in posts]
            assert reader.page.locator("#posts .gap").count() == 0
            until(lambda: worker.count("terus") == POSTS, 30, "all are counted")
            reader.open_charts()
            until(lambda: reader.charted() == Counter(fed.values()), 30, "the charts agree with the feed")
    finally:
        worker.kill()


@contextmanager
def demo(folder: Path, port: int, texts: list[str]) -> Iterator[None]:
    """`tweetream demo` at this port, with a file of these lines, until it has its topic."""
    (folder / "posts.txt").write_text("\n".join(texts))
    command = [sys.executable, "-m", "tweetream", "demo", "--no-browser", "--port", str(port), "--topic", "macet"]
    process = subprocess.Popen(
        [*command, "--source", f"replay:{folder}/posts.txt?rate=10"],
        cwd=folder,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline().startswith(b"Tweetream: ")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_page_that_stays_open_shows_the_posts_of_a_demo_that_was_started_again(
    browser: Browser, tmp_path: Path
) -> None:
    """The new demo has a Kafka of its own, and gives its posts the same ids."""
    port = free_ports(1)[0]
    old, new = ([f"macet di km {n}" for n in range(start, start + 5)] for start in (10, 20))
    with tab(browser, f"http://127.0.0.1:{port}") as reader:
        reader.page.set_default_timeout(60_000)
        texts = reader.page.locator("#posts .text")
        with demo(tmp_path, port, old):
            reader.open("/#macet")
            expect(texts).to_have_text(old[::-1])
        reader.wait_for_state("lost", "waiting")
        with demo(tmp_path, port, new):
            expect(texts).to_have_text(new[::-1], timeout=60_000)
            reader.wait_for_state("live")
            assert reader.page.locator("#posts .gap").count() == 0
            assert reader.page.locator("#add").get_attribute("open") is None
