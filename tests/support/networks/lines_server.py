"""The server and the harness of the example source in docs/sources.md.

The source is the text of the document itself: a module for the contract, an installed package for a real worker.
"""

import asyncio
import contextlib
import json
import tomllib
import types
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from support.networks.contract import SILENCE, Harness, Said, iso
from support.paths import DOCS
from typing_extensions import override

DOCUMENT = DOCS / "sources.md"


def _block(language: str, mark: str) -> str:
    """The document's block of code in this language that contains the mark."""
    blocks = [block.split("\n```")[0] for block in DOCUMENT.read_text().split(f"```{language}\n")[1:]]
    return next(block for block in blocks if mark in block) + "\n"


@cache
def example() -> Any:
    """The document's program as a module."""
    module = types.ModuleType("tweetream_lines")
    exec(compile(_block("python", "class Lines"), str(DOCUMENT), "exec"), module.__dict__)
    return module


def package(folder: Path) -> Path:
    """The example as if installed: the module, and the entry point from the document's pyproject.toml."""
    described = tomllib.loads(_block("toml", "[project]"))["project"]
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in described["entry-points"].items()
    )
    (folder / "tweetream_lines.py").write_text(_block("python", "class Lines"))
    return install(folder, described["name"], points)


def install(folder: Path, name: str, points: str) -> Path:
    """A folder for PYTHONPATH with an installed package of this name and these entry points."""
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(points)
    return folder


class LinesServer:
    """Answers GET with all lines after `?after=`, and then with each new line."""

    def __init__(self) -> None:
        self.port = 0
        self._kept: list[bytes] = []
        self._streams: set[web.StreamResponse] = set()
        self._runner: web.AppRunner | None = None
        self._somebody = asyncio.Event()

    async def start(self) -> int:
        application = web.Application()
        application.router.add_get("/", self._stream)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self.port

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def send(self, *lines: bytes, keep: bool = True) -> None:
        async with asyncio.timeout(5):
            await self._somebody.wait()
        for line in lines:
            if keep:
                self._kept.append(line)
            for stream in list(self._streams):
                with contextlib.suppress(ConnectionError):
                    await stream.write(line)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await answer.prepare(request)
        if after := request.query.get("after"):
            for line in self._kept:
                if _number(line) > int(after):
                    await answer.write(line)
        self._streams.add(answer)
        self._somebody.set()
        try:
            await asyncio.Event().wait()
        finally:
            self._streams.discard(answer)
            if not self._streams:
                self._somebody.clear()
        return answer


def _number(line: bytes) -> int:
    try:
        return int(json.loads(line)["id"])
    except (ValueError, KeyError, TypeError):
        return 0


class LinesHarness(Harness):
    """The example on its server."""

    name = "lines"

    @override
    async def begin(self) -> int:
        self._server = LinesServer()
        return await self._server.start()

    @override
    async def end(self) -> None:
        await self._server.stop()

    @override
    def source(self, host: str = "127.0.0.1", *, tls: bool = False) -> Any:
        address = f"https://{host}:{self.gate.tls_port}" if tls else f"http://{host}:{self.gate.port}"
        return example().Lines(f"lines:{address}/", silence=SILENCE)

    @override
    def id(self, number: int) -> str:
        return f"lines:127.0.0.1/{number}"

    @override
    def payload(self, said: Said) -> bytes:
        line: dict[str, object] = {"id": said.number, "text": said.text}
        if said.created_at is not None:
            line["created_at"] = iso(said.created_at)
        return json.dumps(line).encode()

    @override
    def frame(self, payload: bytes) -> bytes:
        return payload + b"\n"

    @override
    def deletion(self, number: int) -> bytes:
        return self.frame(json.dumps({"id": number, "deleted": True}).encode())

    @override
    async def send(self, *messages: bytes, keep: bool = True) -> None:
        await self._server.send(*messages, keep=keep)

    @override
    async def keep_alive(self) -> None:
        await self._server.send(b"\n", keep=False)
