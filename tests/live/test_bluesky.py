"""Bluesky as the source of a real worker: from a Jetstream server by TLS to the counts and the past of a topic."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.kafka.certificates import Authority
from support.networks.jetstream_reading import id
from support.networks.jetstream_server import JetstreamServer
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

TOPIC = "macet"
NOWHERE = "bluesky:?url=wss://jetstream.invalid/subscribe"


class Background:
    """A server in a thread of its own, since the test waits for a worker."""

    def __init__(self, server: JetstreamServer) -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()

    def do(self, work: Callable[[], Any]) -> None:
        async def call() -> None:
            work()

        self._run(call())

    def start(self) -> None:
        self._run(self.server.__aenter__())

    def stop(self) -> None:
        self._run(self.server.__aexit__())

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    @contextmanager
    def running(self) -> Iterator["Background"]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        self.start()
        try:
            yield self
        finally:
            self.stop()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)


def state(worker: Worker, url: str) -> dict[str, Any]:
    """How a source does, as the worker says."""
    found: list[dict[str, Any]] = httpx.get(f"{worker.url}/sources", timeout=5).json()
    return next(source for source in found if source["url"] == url)


def test_posts_flow_through_a_cut_and_a_source_without_a_network_waits_beside(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    certificate, key, _ = authority.issue("jetstream")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cafile))  # so the worker trusts it, as one would set it up
    server = JetstreamServer(tls=context)
    with Background(server).running() as network:
        url = f"bluesky:?url={server.url}&lang=id"
        given = {"SOURCES": f"{url} {NOWHERE}", "TOPICS": TOPIC}
        with workers(1, embedded_broker.url, namespace, tmp_path, **given) as (worker,):
            until(lambda: state(worker, url)["state"] == "streaming", 20, "connected")
            network.do(lambda: server.post("1", "macet di Sudirman", langs=["id"]))
            network.do(lambda: server.post("2", "jammed", langs=["en"]))
            until(lambda: worker.count(TOPIC) == 1, 20, "the post is in its topic")
            network.stop()
            until(lambda: state(worker, url)["state"] == "backing-off", 20, "it is noticed")
            network.do(lambda: server.post("3", "macet lagi"))
            network.start()
            until(lambda: worker.count(TOPIC) == 2, 20, "and made up for")
            posts = httpx.get(f"{worker.url}/topics/{TOPIC}/posts").json()["posts"]
            assert [post["id"] for post in posts] == [id("1"), id("3")]
            assert worker.metric("tweetream_posts_dropped_total", reason="language") >= 1
            waits = until(lambda: (s := state(worker, NOWHERE))["state"] == "backing-off" and s, 20, "it waits")
            assert "jetstream.invalid" in waits["reason"] and waits["retry_at"] and waits["posts"] == 0
