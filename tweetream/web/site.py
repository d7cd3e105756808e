"""The page and its files."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app
from tweetream.web.problems import Problem

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
    @override
    async def get(self, request: Any) -> web.StreamResponse:
        return _file("index.html")


@app.page("/static/{name}")
class Static(View):
    @override
    async def get(self, request: Any, name: str) -> web.StreamResponse:
        return _file(name)
