"""The page and its files, and the answers for machines: alive, ready, metrics."""

import asyncio
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any, cast

from aiohttp import web
from faust.exceptions import ConsumerNotStarted
from faust.web import View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tweetream import metrics
from tweetream.app import app
from tweetream.engine.consumer import Consumer
from tweetream.topology import POSTS, TAGGED, flowing, recovered
from tweetream.web.middleware import Problem

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def read_files(folder: Traversable, prefix: str = "") -> dict[str, bytes]:
    """The files of the page by their paths. Nothing else is ever served, so no path leads out of the folder."""
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        path = prefix + entry.name
        if entry.is_dir():
            found |= read_files(entry, f"{path}/")
        elif PurePosixPath(path).suffix in _TYPES:
            found[path] = entry.read_bytes()
    return found


@cache
def _files() -> dict[str, bytes]:
    return read_files(files("tweetream.web") / "static")


def file_answer(path: str) -> web.Response:
    """One file of the page. Browsers ask each time whether it changed: a page and its modules must fit together."""
    content = _files().get(path)
    if content is None:
        raise Problem(404, "there is no such file")
    content_type = _TYPES[PurePosixPath(path).suffix]
    return web.Response(body=content, content_type=content_type, charset="utf-8", headers={"Cache-Control": "no-cache"})


@app.page("/")
class Page(View):
    async def get(self, request: Any) -> web.StreamResponse:
        return file_answer("index.html")


@app.page("/static/{path:.+}")
class Static(View):
    async def get(self, request: Any, path: str) -> web.StreamResponse:
        return file_answer(path)


@app.page("/livez")
class Live(View):
    async def get(self, request: Any) -> web.StreamResponse:
        return web.Response(text="alive\n")


@app.page("/readyz")
class Ready(View):
    """Ready: the tables are there and records flow."""

    async def get(self, request: Any) -> web.StreamResponse:
        if not recovered() or app.rebalancing or not flowing():
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
