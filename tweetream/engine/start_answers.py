"""Answers on the worker's port while the worker waits for Kafka at its start: it lives, and is not ready."""

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tweetream.engine.web_server import Site
from tweetream.models.messages import fail


@asynccontextmanager
async def start_answers(host: str, port: int) -> AsyncIterator[None]:
    """Answer within the block: 200 to `/livez`, 503 with the reason to all else. A port in use ends the program."""
    began = time.monotonic()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/livez":
            return web.Response(text="alive\n")
        detail = f"the worker is starting: it has waited for Kafka for {time.monotonic() - began:.0f} s"
        problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": detail}
        return web.Response(
            text=json.dumps(problem),
            status=503,
            content_type="application/problem+json",
            headers={"Retry-After": "1", "Connection": "close"},
        )

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await Site(runner, host, port, None, None).start()
        except OSError as error:
            fail(f"TWEETREAM_WEB_PORT: port {port} of {host} cannot be used: {error.strerror}", sys.__stderr__)
        yield
    finally:
        await runner.cleanup()
