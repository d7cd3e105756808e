"""The page and its files, and what a machine asks of a worker: alive, ready, its counts."""

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from faust.exceptions import ConsumerNotStarted
from faust.web import View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tweetream import metrics
from tweetream.app import app
from tweetream.engine.consumer import Consumer
from tweetream.topology import POSTS, TAGGED, recovered
from tweetream.web.middleware import Problem

STATIC = files("tweetream.web") / "static"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {file.name: file.read_bytes() for file in STATIC.iterdir() if Path(file.name).suffix in _TYPES}


def _file(name: str) -> web.Response:
    if name not in _FILES:
        raise Problem(404, "there is no such file")
    return web.Response(
        body=_FILES[name],
        content_type=_TYPES[Path(name).suffix],
        charset="utf-8",
        headers={"Cache-Control": "no-cache"},
    )


@app.page("/")
class Page(View):
    async def get(self, request: Any) -> web.StreamResponse:
        return _file("index.html")


@app.page("/static/{name}")
class Static(View):
    async def get(self, request: Any, name: str) -> web.StreamResponse:
        return _file(name)


@app.page("/livez")
class Live(View):
    async def get(self, request: Any) -> web.StreamResponse:
        return web.Response(text="alive\n")


@app.page("/readyz")
class Ready(View):
    """Ready: the tables are there and records flow."""

    async def get(self, request: Any) -> web.StreamResponse:
        if not recovered() or app.rebalancing or not app.is_flowing():
            raise Problem(503, "the worker is starting or its group is rebalancing", {"Retry-After": "1"})
        return web.Response(text="ready\n")


def _lag(topic: str) -> int:
    try:
        return cast(Consumer, app.consumer).lag(topic)
    except ConsumerNotStarted:
        return 0


@app.page("/metrics")
class Metrics(View):
    async def get(self, request: Any) -> web.StreamResponse:
        metrics.tasks.set(len(asyncio.all_tasks()))
        for topic in (POSTS, TAGGED):
            metrics.consumer_lag.labels(topic).set(_lag(topic))
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
