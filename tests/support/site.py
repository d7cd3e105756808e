"""Two workers on Apache Kafka behind the proxy of docker-compose.yml, with posts that flow; for tests of proxies."""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from support.faults import chaos
from support.proxy import Proxy
from support.waiting import until
from support.workers import Worker

from tweetream.web.fanout import HEARTBEAT

TOKEN = "sesame-open"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
EACH = 12  # streams an address


class Site(NamedTuple):
    """The proxy and the workers behind it."""

    proxy: Proxy
    one: Worker
    two: Worker

    @property
    def url(self) -> str:
        return self.proxy.url

    def streams(self) -> tuple[float, float]:
        """How many each worker has."""
        return self.one.metric("tweetream_sse_clients"), self.two.metric("tweetream_sse_clients")

    @contextlib.contextmanager
    def served_by(self, *workers: Worker) -> Iterator[None]:
        """With these workers alone behind the name, as the proxy knows it by then."""
        self.proxy.serve(*workers)
        time.sleep(1.2)  # its `refresh`
        try:
            yield
        finally:
            self.proxy.serve(self.one, self.two)
            time.sleep(1.2)


@contextlib.contextmanager
def site_behind(caddy: str, broker: str, folder: Path, **more: Any) -> Iterator[Site]:
    """`more` are settings of both workers."""
    file = chaos.numbered_lines(folder / "posts.txt", 100_000)
    settings = {
        "SOURCES": f"replay:{file}?rate=50",
        "TOPICS": f"{chaos.TOPIC},sepi",
        "API_TOKEN": TOKEN,
        "PARTITIONS": 1,  # posts keep their order then
        "MAX_STREAMS_PER_ADDRESS": EACH,
        "TRUSTED_PROXIES": "127.0.0.1",
        **more,
    }
    with Proxy(caddy, folder) as proxy:
        one, two = (proxy.worker(host, broker, "proxied", **settings) for host in ("127.0.0.2", "127.0.0.3"))
        site = Site(proxy, one, two)
        proxy.serve(one, two)
        try:
            for worker in (one.start(), two.start()):
                worker.wait_ready()
            until(lambda: {chaos.TOPIC, "sepi"} <= set(two.topics()), 30, "the topics")
            until(lambda: one.count(chaos.TOPIC) > 0 and last_post(one)[1] < 0.5, 60, "the group has come to rest")
            yield site
        finally:
            one.kill()
            two.kill()


def age(post: str) -> float:
    """Seconds since a post was received."""
    return time.time() - datetime.fromisoformat(json.loads(post)["received_at"]).timestamp()


def last_post(worker: Worker) -> tuple[int, float]:
    """Number and age of the last post that is in the feed."""
    answer = httpx.get(f"{worker.url}/topics/{chaos.TOPIC}/posts?last=1", timeout=10)
    (post,) = (json.dumps(post) for post in answer.json()["posts"])
    return chaos.number_of(post), age(post)


@contextlib.contextmanager
def stream(url: str, topic: str, address: str = "127.0.0.1", **headers: str) -> Iterator[httpx.Response]:
    """A stream, asked for from this address; whatever the answer is."""
    transport = httpx.HTTPTransport(local_address=address)
    with (
        httpx.Client(transport=transport, timeout=httpx.Timeout(10, read=2 * HEARTBEAT)) as client,
        client.stream("GET", f"{url}/feeds/{topic}", headers=headers) as answer,
    ):
        yield answer
