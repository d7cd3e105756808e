"""A worker that is killed and started again while the page is open, on Apache Kafka."""

import asyncio
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import Browser
from support.browser.page_load import everyday
from support.browser.tab import add, said, tab
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.plain_clients import feed_records
from support.kafka.post_writer import PostWriter
from support.waiting import until
from support.workers import Worker

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
