"""The harness of `replay:`: the network is a file of JSON lines, complete before it is read."""

import json

from support.faults.mutations import FORMS
from support.networks.contract import Harness, Said, iso
from typing_extensions import override

from tweetream.sources.base import Source
from tweetream.sources.replay.source import Replay


class ReplayHarness(Harness):
    """A file of the test."""

    name = "replay"

    @override
    async def begin(self) -> int:
        self.file = self.folder / "said.jsonl"
        self.file.touch()
        return 0

    @override
    async def end(self) -> None:
        self.file.unlink()

    @override
    def source(self, host: str = "127.0.0.1", *, tls: bool = False) -> Source:
        return Replay(f"replay:{self.file}?rate={200 if self.paced else 0}")

    @override
    def id(self, number: int) -> str:
        return f"said:{number}"

    @override
    def payload(self, said: Said) -> bytes:
        line: dict[str, object] = {"id": self.id(said.number), "text": said.text}
        if said.created_at is not None:
            line["created_at"] = iso(said.created_at)
        return json.dumps(line).encode()

    @override
    def forms(self) -> list[bytes]:
        return FORMS

    @override
    def frame(self, payload: bytes) -> bytes:
        return payload + b"\n"

    @override
    async def send(self, *messages: bytes, keep: bool = True) -> None:
        with self.file.open("ab") as file:
            file.writelines(messages)

    @override
    async def keep_alive(self) -> None:
        """A file has no keep-alive."""
