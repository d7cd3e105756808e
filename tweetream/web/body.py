"""Reads the body of a request, within a time limit. Every handler reads by `read_body`. Imports no Faust."""

import asyncio

from aiohttp import web

from tweetream.web.problems import Problem

BODY_TIMEOUT = 30.0  # seconds from the end of the headers to the end of the body


async def read_body(request: web.Request) -> bytes:
    """The body; a Problem if it does not come in time, and then the connection is closed."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except TimeoutError:
        raise Problem(408, f"the body did not come within {BODY_TIMEOUT:g} s") from None
