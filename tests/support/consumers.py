"""The engine's consumer without a broker: committed and earliest offsets are numbers that a test sets."""

from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP

from tweetream.engine.application import App
from tweetream.engine.consumer import Consumer

PARTITION = TP("t", 0)


class Message:
    """A message that the consumer tracks by a weak reference."""

    def __init__(self, offset: int = 5) -> None:
        self.tp, self.topic, self.offset, self.acked = PARTITION, "t", offset, False


class ConsumerHarness:
    """A consumer of one partition; it keeps what was delivered and which offsets were sought."""

    def __init__(self) -> None:
        app = App("t", broker="kafka://127.0.0.1:1", store="memory://")
        self.delivered: list[int] = []
        self.sought: list[dict[TP, int]] = []
        self.earliest = {PARTITION: 0}
        self.end = 1_000  # of the log
        self.committed: dict[TP, int | None] = {}
        # Any: some of its methods are replaced.
        self.consumer = cast(Any, Consumer(app.transport, self._deliver, do_nothing, do_nothing))
        self.consumer.earliest_offsets = self._earliest
        self.consumer.highwater = lambda tp: self.end
        self.consumer.highwaters = self._ends
        self.consumer.seek_wait = self._seek
        self.consumer.seek_to_committed = self._committed
        self.consumer.assignment = lambda: {PARTITION}
        cast(Any, app.topics).acks_enabled_for = lambda topic: True
        self.app = app

    async def _deliver(self, message: Any) -> None:
        self.delivered.append(message.offset)

    async def _earliest(self, *tps: TP) -> dict[TP, int]:
        return {tp: self.earliest[tp] for tp in tps}

    async def _ends(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, self.end)

    async def _seek(self, offsets: dict[TP, int]) -> None:
        self.sought.append(dict(offsets))

    async def _committed(self) -> dict[TP, int | None]:
        return dict(self.committed)

    async def fetch(self, *offsets: int) -> list[bool]:
        """A fetch gives these offsets. As in the consumer's loop, the rest is left out after a False."""
        answers = []
        for offset in offsets:
            answers.append(await self.consumer._deliver_next(PARTITION, SimpleNamespace(offset=offset, tp=PARTITION)))
            if not answers[-1]:
                break
        return answers

    def ack(self, *offsets: int) -> None:
        for offset in offsets:
            self.consumer.ack(Message(offset))


async def do_nothing(*_: Any) -> None:
    pass
