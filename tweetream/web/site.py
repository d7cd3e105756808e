"""The page and its files, as a browser needs them: without comments and indentation.

Names stay as they are written, and methods begin on lines of their own, so that a browser's console leads to the
place of an error.
"""

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any

import rcssmin
import rjsmin
from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app
from tweetream.web.problems import Problem
from tweetream.web.responses import tag_of, unless_known

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


def shortened(path: str, content: bytes) -> bytes:
    """A file of the page with all that a browser needs. What others wrote stays as it is, with its licence."""
    if path.startswith("vendor/"):
        return content
    match PurePosixPath(path).suffix:
        case ".js":
            return str(rjsmin.jsmin(content.decode())).encode()
        case ".css":
            return str(rcssmin.cssmin(content.decode())).encode()
        case ".html":
            return re.sub(rb'="([\w./#-]+)"', rb"=\1", re.sub(rb"\n\s+", b"\n", content))
    return content


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Each file, shortened, and its ETag."""
    found = {path: shortened(path, raw) for path, raw in read_files(files("tweetream.web") / "static").items()}
    return {path: (content, tag_of(content)) for path, content in found.items()}


def file_answer(path: str) -> web.Response:
    """One file of the page. Browsers ask each time whether it changed: a page and its modules must fit together."""
    found = _files().get(path)
    if found is None:
        raise Problem(404, "there is no such file")
    content, tag = found
    content_type = _TYPES[PurePosixPath(path).suffix]
    headers = {"Cache-Control": "no-cache", "ETag": f'"{tag}"'}
    return web.Response(body=content, content_type=content_type, charset="utf-8", headers=headers)


@app.before
async def _read() -> None:
    """Read the files now: those of a later release do not fit the running worker."""
    _files()


@app.page("/")
class Page(View):
    @override
    async def get(self, request: Any) -> web.StreamResponse:
        return unless_known(request, file_answer("index.html"))


@app.page("/static/{path:.+}")
class Static(View):
    @override
    async def get(self, request: Any, path: str) -> web.StreamResponse:
        return unless_known(request, file_answer(path))
