"""The addresses that the web server listens on: one of either family, or all of both."""

import pytest
from aiohttp import ClientConnectionError, ClientSession, web

from tweetream.engine.web_server import Site
from tweetream.kafka.embedded import free_ports


async def well(request: web.Request) -> web.Response:
    return web.Response(text="well")


async def reached(host: str, *addresses: str) -> list[bool]:
    """Whether a server for `host` answers at these addresses."""
    application = web.Application()
    application.router.add_get("/livez", well)
    runner = web.AppRunner(application)
    await runner.setup()
    (port,) = free_ports(1)
    site = Site(runner, host, port, None, None)
    await site.start()
    found = []
    try:
        async with ClientSession() as session:
            for address in addresses:
                try:
                    async with session.get(f"http://{address}:{port}/livez") as answer:
                        found.append(answer.status == 200)
                except ClientConnectionError:
                    found.append(False)
    finally:
        await site.stop()
        await runner.cleanup()
    return found


@pytest.mark.parametrize(
    ("host", "both"),
    [("::", [True, True]), ("0.0.0.0", [True, False]), ("::1", [False, True]), ("127.0.0.1", [True, False])],
)
async def test_two_colons_are_all_addresses_of_both_families(host: str, both: list[bool]) -> None:
    assert await reached(host, "127.0.0.1", "[::1]") == both
