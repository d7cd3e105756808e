"""Whether Kafka answers: asks all brokers every two seconds. Knows no Faust.

One broker that answers is enough. If none of those known does, the bootstrap servers are tried, which also tells why.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from tweetream.kafka.connection import AccessDenied, Connection, probe

EVERY = 2.0  # seconds between two questions
TIMEOUT = 2.0  # seconds for an answer


class KafkaPresence:
    """`ask` returns why Kafka does not answer, or nothing if it does."""

    def __init__(self, ask: Callable[[], Awaitable[str]], now: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._now = ask, now
        self.since: float | None = None  # when Kafka was first asked without an answer
        self._why = ""

    async def watch(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Ask once."""
        began = self._now()
        self._why = await self._ask()
        if not self._why:
            self.since = None
        elif self.since is None:
            self.since = began

    def reason(self) -> str:
        """Why Kafka is away, and for how long; empty if it answered."""
        if self.since is None:
            return ""
        return f"Kafka has been away for {self._now() - self.since:.0f} s: {self._why}"


async def ask_kafka(kafka: Connection, client: AIOKafkaClient | None) -> str:
    """Why no broker answers that the client or the settings know; empty if one does."""
    try:
        if client is not None and await _any_answers(client):
            return ""
        return await probe(kafka)
    except AccessDenied as error:
        return str(error)


async def _any_answers(client: AIOKafkaClient) -> bool:
    asking = {asyncio.create_task(_answers(client, broker.nodeId)) for broker in client.cluster.brokers()}
    try:
        for answer in asyncio.as_completed(asking):
            if await answer:
                return True
        return False
    finally:
        for task in asking:
            task.cancel()


async def _answers(client: AIOKafkaClient, node: int) -> bool:
    try:
        async with asyncio.timeout(TIMEOUT):
            # On a connection of its own: a broker answers the requests of a connection in turn.
            await client.send(node, ApiVersionRequest(), group=ConnectionGroup.COORDINATION)
    except (KafkaError, OSError, TimeoutError, MemoryError):
        return False
    return True
