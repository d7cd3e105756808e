"""The harness of `x:`: posts go to all clients of x_server.py, with any rules."""

import json
import time

from support.faults.mutations import X_V2
from support.networks.contract import SILENCE, Harness, Said, iso, some
from support.networks.x_reading import context
from support.networks.x_server import LIMITS, TOKEN, XServer
from typing_extensions import override

from tweetream.sources.x.source import X

BEGAN = 1_800_000_000_000_000_000  # the number of a post is added to this


class XHarness(Harness):
    """One server without rate limits: each claim starts many sources, and each has its own token bucket."""

    name = "x"

    @override
    async def begin(self) -> int:
        self._server = await XServer(limits=dict.fromkeys(LIMITS, 10**6), one=False).__aenter__()
        return self._server.port

    @override
    async def end(self) -> None:
        await self._server.__aexit__()

    @override
    def source(self, host: str = "127.0.0.1", *, tls: bool = False) -> X:
        port, scheme = (self.gate.tls_port, "https") if tls else (self.gate.port, "http")
        return X(f"x:?api={scheme}://{host}:{port}", context({"a": ("macet",)}), silence=SILENCE)

    @override
    def settings(self) -> dict[str, str]:
        return {"X_BEARER_TOKEN": TOKEN}

    @override
    def id(self, number: int) -> str:
        return f"x:{BEGAN + number}"

    @override
    def payload(self, said: Said) -> bytes:
        when = iso(round(time.time() * 1000) if said.created_at is None else said.created_at)
        id = str(BEGAN + said.number)
        data = {"id": id, "edit_history_tweet_ids": [id], "text": said.text, "author_id": "7", "created_at": when}
        users = {"users": [{"id": "7", "name": "Rina", "username": "rina"}]}
        return json.dumps({"data": data, "includes": users, "matching_rules": [{"id": "1", "tag": "a"}]}).encode()

    @override
    def frame(self, payload: bytes) -> bytes:
        return payload + b"\r\n"

    @override
    def forms(self) -> list[bytes]:
        return [*(self.payload(said) for said in some(1, 2000)), json.dumps(X_V2).encode()]

    @override
    async def send(self, *messages: bytes, keep: bool = True) -> None:
        await self._server.send(*messages)

    @override
    async def keep_alive(self) -> None:
        await self._server.send(b"\r\n")
