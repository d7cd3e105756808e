"""The proxy that docker-compose.yml starts, before two real workers: what a client has of it is what a worker gives."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import httpx
import pytest
from httpx_sse import connect_sse
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.proxy import CADDYFILE, Proxy
from support.sse import events_of
from support.waiting import until
from support.workers import Worker

from tweetream.web.fanout import HEARTBEAT

TOKEN = "sesame-open"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
EACH = 2  # streams an address


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


@pytest.fixture(scope="module")
def site(caddy: str, apache_kafka: KafkaAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    file = chaos.numbered_lines(folder / "posts.txt", 100_000)
    settings = {
        "SOURCES": f"replay:{file}?rate=50",
        "TOPICS": f"{chaos.TOPIC},sepi",
        "API_TOKEN": TOKEN,
        "PARTITIONS": 1,  # posts keep their order then
        "MAX_STREAMS_PER_ADDRESS": EACH,
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    with Proxy(caddy, folder) as proxy:
        one, two = (proxy.worker(host, apache_kafka.url, "proxied", **settings) for host in ("127.0.0.2", "127.0.0.3"))
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


def test_one_event_comes_at_once_though_none_follows_it(site: Site) -> None:
    coming = str(last_post(site.one)[0] + 200)  # in four seconds
    body = {"name": "satu", "track": [coming]}
    httpx.post(f"{site.url}/topics", json=body, headers=WITH_TOKEN, timeout=30).raise_for_status()
    until(lambda: "satu" in site.one.topics() and "satu" in site.two.topics(), 10, "every worker has it")
    with (
        httpx.Client(timeout=httpx.Timeout(10, read=2 * HEARTBEAT)) as client,
        connect_sse(client, "GET", f"{site.url}/feeds/satu", params={"since": 0}) as source,
    ):
        assert source.response.headers["Content-Type"] == "text/event-stream"
        assert source.response.headers["Server"] == "Caddy", "nobody else answered"
        event = next(events_of(source))
        assert coming in event.data and age(event.data) < 1.0


def test_a_stream_goes_on_while_nothing_comes(site: Site) -> None:
    with stream(site.url, "sepi", "127.0.0.9") as answer:
        began = time.monotonic()
        for line in answer.iter_lines():
            if line == ":" and time.monotonic() - began > HEARTBEAT / 2:
                return
    pytest.fail("the stream ended")


def test_a_client_that_goes_frees_its_place_though_nothing_comes(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(4):
            stack.enter_context(stream(site.url, "sepi", f"127.0.0.{40 + number}"))
        until(lambda: sum(site.streams()) >= 4, 10, "the streams are open")
    until(lambda: site.streams() == (0, 0), 3, "no stream is left")  # a heartbeat would come in 15 s


def test_metrics_are_not_for_everybody(site: Site) -> None:
    for path in ("/metrics", "/metrics/", "/metrics?x=1", "//metrics", "/./metrics", "/%6Detrics", "/METRICS"):
        answer = httpx.get(f"{site.url}{path}", timeout=10)
        assert answer.status_code == 404 and "tweetream_posts" not in answer.text, path
    assert site.one.get("/metrics") == 200, "Prometheus asks the worker itself"


def test_the_page_and_rest_come_through(site: Site) -> None:
    page = httpx.get(f"{site.url}/", timeout=10)
    assert page.status_code == 200 and "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert httpx.get(f"{site.url}/readyz", timeout=10).text == "ready\n"
    assert httpx.get(f"{site.url}/topics/tiada", timeout=10).status_code == 404


def test_topics_are_changed_with_the_token_alone_though_the_proxy_is_on_the_workers_machine(site: Site) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 403), (WITH_TOKEN, 201)):
        answer = httpx.post(f"{site.url}/topics", json={"name": "tol"}, headers=headers, timeout=30)
        assert answer.status_code == status
    until(lambda: "tol" in site.one.topics() and "tol" in site.two.topics(), 10, "every worker has it")
    assert httpx.delete(f"{site.url}/topics/tol", timeout=30).status_code == 401
    assert httpx.delete(f"{site.url}/topics/tol", headers=WITH_TOKEN, timeout=30).status_code == 204


def test_streams_are_counted_by_the_client_and_not_by_the_proxy_or_by_what_the_client_says(site: Site) -> None:
    with site.served_by(site.one), contextlib.ExitStack() as stack:
        for number in range(EACH):
            answer = stack.enter_context(
                stream(site.url, "sepi", "127.0.0.5", **{"X-Forwarded-For": f"203.0.113.{number}"})
            )
            assert answer.status_code == 200
        with stream(site.url, "sepi", "127.0.0.5", **{"X-Forwarded-For": "203.0.113.9"}) as answer:
            assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
        with stream(site.url, "sepi", "127.0.0.6") as answer:
            assert answer.status_code == 200


def test_workers_that_come_and_go_need_no_word_to_the_proxy(site: Site) -> None:
    until(lambda: site.streams() == (0, 0), 10, "no stream of another test is left")
    with contextlib.ExitStack() as stack:
        for alone, expected in ((site.one, (3, 0)), (site.two, (3, 3))):
            with site.served_by(alone):
                for number in range(3):
                    stack.enter_context(stream(site.url, "sepi", f"127.0.0.{20 + number}"))
                assert site.streams() == expected
        for number in range(6):
            stack.enter_context(stream(site.url, "sepi", f"127.0.0.{30 + number}"))
        assert site.streams() == (6, 6), "each has its share"


@pytest.mark.parametrize("end", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_a_worker_that_dies_is_passed_over_and_its_streams_go_on_elsewhere(site: Site, end: signal.Signals) -> None:
    client = chaos.Client([site.proxy])  # type: ignore[list-item]  # all that it wants is a url
    client.start()
    until(lambda: len(client.seen) > 100, 30, "posts")
    until(lambda: sum(site.streams()) == 1, 10, "no stream of another test is left")
    victim = site.one if site.streams()[0] else site.two
    victim.signal(end)
    assert victim.process is not None
    victim.process.wait(15)
    took = []
    for _ in range(20):  # the name has the dead one's address all the while
        began = time.monotonic()
        assert httpx.get(f"{site.url}/topics", timeout=10).status_code == 200
        took.append(time.monotonic() - began)
    assert max(took) < 2.0, took
    seen = len(client.seen)
    until(lambda: len(client.seen) > seen + 200, 60, f"the stream goes on elsewhere after {seen}")
    client.end()
    first = client.seen[0]
    assert client.seen == list(range(first, first + len(client.seen))) and not client.gaps
    victim.start().wait_ready()


def test_its_form_is_caddys_own(caddy: str) -> None:
    assert (
        subprocess.run([caddy, "fmt", str(CADDYFILE)], capture_output=True, text=True).stdout == CADDYFILE.read_text()
    )
