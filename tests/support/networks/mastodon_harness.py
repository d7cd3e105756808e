"""The harness of `mastodon:`: posts go into the timeline and to the streams of mastodon_server.py."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from support.networks.contract import SILENCE, Harness, Reading, Said, iso
from support.networks.hostile_server import HostileServer
from support.networks.mastodon_server import MastodonServer, snowflake, status
from typing_extensions import override

from tweetream.settings import Settings
from tweetream.sources.base import MAX_LINE, Context
from tweetream.sources.mastodon.source import Mastodon

BEGAN = round(time.time() * 1000) - 86_400_000  # ms; the time of a post is its number of seconds later


def source(server: MastodonServer | HostileServer, query: str = "", token: str = "", **options: Any) -> Mastodon:
    """A source for this server, without TLS."""
    context = Context(Settings(_env_file=None, mastodon_token=token), dict)
    return Mastodon(f"mastodon://127.0.0.1:{server.port}?scheme=http{query}", context, **options)


@asynccontextmanager
async def reading(of: Mastodon, position: str | None = None) -> AsyncIterator[Reading]:
    """A connected reading."""
    async with Reading(of, position) as begun:
        first = await begun.chunk()
        assert not first.posts and not first.dropped
        yield begun


class MastodonHarness(Harness):
    """One server. Malformed and too long messages are only in the stream."""

    name = "mastodon"

    @override
    async def begin(self) -> int:
        self._server = await MastodonServer().__aenter__()
        return self._server.port

    @override
    async def end(self) -> None:
        await self._server.__aexit__()

    @override
    def source(self, host: str = "127.0.0.1", *, tls: bool = False) -> Mastodon:
        port, scheme = (self.gate.tls_port, "https") if tls else (self.gate.port, "http")
        url = f"mastodon://{host}:{port}?scheme={scheme}"
        return Mastodon(url, Context(Settings(_env_file=None), dict), silence=SILENCE)

    @override
    def id(self, number: int) -> str:
        return f"mastodon:127.0.0.1/{self._number(number)}"

    @override
    def payload(self, said: Said) -> bytes:
        when = iso(round(time.time() * 1000) if said.created_at is None else said.created_at)
        return json.dumps(status(self._number(said.number), said.text, created_at=when)).encode()

    @override
    def frame(self, payload: bytes) -> bytes:
        return b"event: update\ndata: " + payload + b"\n\n"

    @override
    def deletion(self, number: int) -> bytes:
        return f"event: delete\ndata: {self._number(number)}\n\n".encode()

    @override
    async def send(self, *messages: bytes, keep: bool = True) -> None:
        await self._server.wait()
        for message in messages:
            payload = message.partition(b"data: ")[2]
            if keep and len(payload) < MAX_LINE and b'"uri"' in payload:
                self._server.keep(json.loads(payload))
            await self._server.send(message)

    @override
    async def keep_alive(self) -> None:
        await self._server.send(b":thump\n")

    def _number(self, number: int) -> str:
        return snowflake(BEGAN + number * 1000)
