"""`/livez`, `/readyz` and `/metrics`: a worker's answers to a supervisor and a monitor.

`/metrics` is on the web server's port, or on one of its own.
"""

import asyncio
import time
from functools import cache
from typing import Any, cast

from aiohttp import web
from faust.exceptions import ConsumerNotStarted
from faust.web import View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from typing_extensions import override

from tweetream import metrics
from tweetream.app import app, settings
from tweetream.engine.consumer import Consumer
from tweetream.engine.web_server import Site
from tweetream.topology import POSTS, TAGGED, feed_name, recovered, services
from tweetream.web.limits import METRICS, METRICS_PER_ADDRESS, ClientAddresses, ConnectionCounts
from tweetream.web.problems import Problem
from tweetream.web.watch import health_watch

REST = 10  # times as long as making the metrics' text took
# What is wrong with a feed that Kafka cannot write, and what to do.
BROKEN = (
    "Kafka cannot write its feed, so its posts wait; start the brokers that have its Kafka topic, or delete that one, "
    "and it is made again without its old posts"
)


def require_recovered() -> None:
    """Raise Problem until this worker has read its tables and the retractions."""
    if not recovered():
        raise Problem(503, "the worker is starting", {"Retry-After": "1"})


@app.page("/livez")
class Liveness(View):
    """The worker answers, and can go on by itself."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        if reason := health_watch().unable():
            raise Problem(503, reason)
        return web.Response(text="alive\n")


@app.page("/readyz")
class Readiness(View):
    """Kafka is there and lacks nothing, records flow, and the clock is right. A broken feed is named."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        if reason := health_watch().unready():
            raise Problem(503, reason, {"Retry-After": "1"})
        return web.Response(text="".join(["ready\n", *map(_broken, services.producer.unwritable())]))


def _broken(kafka_topic: str) -> str:
    return f"{feed_name(kafka_topic).topic}: {BROKEN}\n"


@app.page("/metrics")
class Metrics(View):
    """The counters and gauges, for Prometheus."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        return _metrics(request)


class _Page:
    """The metrics as text. It is kept for a moment, so that calls take a tenth of the time at most."""

    def __init__(self) -> None:
        self._text, self._again_at = b"", 0.0

    def text(self) -> bytes:
        began = time.perf_counter()
        if began >= self._again_at:
            metrics.tasks.set(len(asyncio.all_tasks()))
            for topic in (POSTS, TAGGED):
                metrics.consumer_lag.labels(topic).set(_lag(topic))
            self._text = generate_latest(metrics.registry) + generate_latest(metrics.process)
            now = time.perf_counter()
            self._again_at = now + REST * (now - began)
        return self._text


@cache
def _page() -> _Page:
    return _Page()


def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=_page().text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _lag(topic: str) -> int:
    """Records of the topic in this worker's partitions that are not committed."""
    try:
        found = cast(Consumer, app.consumer).offsets()
    except ConsumerNotStarted:
        return 0
    return sum(offsets.end - offsets.committed for tp, offsets in found.items() if tp.topic == topic)


class MetricsServer:
    """Serves `/metrics` on the port TWEETREAM_METRICS_PORT, and nothing else there.

    Its connections have bounds of their own, so that clients of the other port do not keep a monitor out.
    """

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        async def answer(request: web.Request) -> web.Response:
            return _metrics(request)

        application = web.Application()
        application.router.add_get("/metrics", answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        counts = ConnectionCounts(METRICS, METRICS_PER_ADDRESS, ClientAddresses(()))
        await Site(self._runner, host, port, None, counts).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


@cache
def metrics_server() -> MetricsServer:
    """This worker's own."""
    return MetricsServer()


@app.before
async def _start() -> None:
    if settings.metrics_port is not None:
        await metrics_server().start(settings.web_host, settings.metrics_port)


@app.after
async def _stop() -> None:
    await metrics_server().stop()
