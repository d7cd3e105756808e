"""A network that posts ten times a second, or does what its mood says; Jetstream's protocol, in a thread of its own."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Self

from aiohttp import web

from tweetream.kafka.embedded import free_ports

Mood = Literal["posts", "silent", "garbage", "leaves", "refuses"]


class MoodyNetwork:
    """Serves from the start to the end of a `with` block."""

    def __init__(self) -> None:
        (self._port,) = free_ports(1)
        self.url = f"ws://127.0.0.1:{self._port}/subscribe"
        self._mood: Mood = "posts"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @contextmanager
    def mood(self, mood: Mood) -> Iterator[None]:
        """Another mood within the block."""
        self._mood = mood
        try:
            yield
        finally:
            self._mood = "posts"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_get("/subscribe", self._serve)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self._mood == "refuses":
            return web.Response(status=403)
        response = web.WebSocketResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while self._mood not in ("leaves", "refuses"):
                await asyncio.sleep(0.1)
                if self._mood == "posts":
                    await response.send_str(_event())
                elif self._mood == "garbage":
                    for _ in range(5):
                        await response.send_str('{"kind":')
        return response


def _event() -> str:
    now = time.time_ns() // 1000
    record = {"$type": "app.bsky.feed.post", "createdAt": "2026-05-25T14:23:28.757Z", "text": "macet di jalan"}
    commit = {
        "rev": "3mmoojpaqkn2z", "operation": "create", "collection": "app.bsky.feed.post", "rkey": f"r{now}",
        "record": record, "cid": "bafyreidqpc7si3dbimffi64lz3x",
    }  # fmt: skip
    return json.dumps({"did": "did:plc:abcdefghijklmnopqrstuvwx", "time_us": now, "kind": "commit", "commit": commit})
