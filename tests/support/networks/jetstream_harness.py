"""The harness of `bluesky:`: a Jetstream server of version 1, and the source with short timeouts."""

import struct
import time

from support.faults.mutations import JETSTREAM
from support.networks.contract import SILENCE, Harness, Said, iso
from support.networks.jetstream_server import DID, POSTS, JetstreamServer, encode
from typing_extensions import override

from tweetream.sources.base import Source
from tweetream.sources.bluesky.source import Bluesky


class BlueskyHarness(Harness):
    """Posts of one account; their record keys are their numbers."""

    name = "bluesky"
    goodbye = b"\x88\x02\x03\xe9"  # a closing frame, 1001: going away

    @override
    async def begin(self) -> int:
        self._server = JetstreamServer()
        self._last = 0
        await self._server.__aenter__()
        return self._server.port

    @override
    async def end(self) -> None:
        await self._server.__aexit__()

    @override
    def source(self, host: str = "127.0.0.1", *, tls: bool = False) -> Source:
        place = f"wss://{host}:{self.gate.tls_port}" if tls else f"ws://{host}:{self.gate.port}"
        return Bluesky(f"bluesky:?url={place}/subscribe", silence=SILENCE)

    @override
    def id(self, number: int) -> str:
        return f"at://{DID}/{POSTS}/{number}"

    @override
    def payload(self, said: Said) -> bytes:
        record: dict[str, object] = {"$type": POSTS, "text": said.text}
        if said.created_at is not None:
            record["createdAt"] = iso(said.created_at)
        return self._event({"operation": "create", "rkey": str(said.number), "record": record})

    @override
    def deletion(self, number: int) -> bytes | None:
        return self._event({"operation": "delete", "rkey": str(number)})

    def _event(self, commit: dict[str, object]) -> bytes:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        commit = {"rev": "3l3qo2vutsw2b", "collection": POSTS} | commit
        return encode({"did": DID, "time_us": self._last, "kind": "commit", "commit": commit})

    @override
    def forms(self) -> list[bytes]:
        # Many keys: with one key, all but the first post would be duplicates.
        return [encode(JETSTREAM).replace(b"3l3qo2vuowo2b", b"%d" % number) for number in range(2000)]

    @override
    def endless(self) -> bytes:
        message = self.payload(Said(999_998, "x" * 1000))
        return b"\x81\x7f" + struct.pack(">Q", 2**31) + message[: message.rindex(b"xxx")]

    @override
    def frame(self, payload: bytes) -> bytes:
        return payload

    @override
    async def send(self, *messages: bytes, keep: bool = True) -> None:
        await self._server.send(*messages, keep=keep)

    @override
    async def keep_alive(self) -> None:
        await self._server.ping()
