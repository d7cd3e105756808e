"""Kafka is away from the first question without an answer on, and one broker that answers is enough."""

from types import SimpleNamespace
from typing import Any

from aiokafka.errors import KafkaConnectionError

from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import free_ports
from tweetream.kafka.presence import KafkaPresence, ask_kafka


class Client:
    """A client that knows these brokers; those in `gone` do not answer."""

    def __init__(self, brokers: int, gone: set[int]) -> None:
        self.cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(nodeId=n) for n in range(brokers)])
        self._gone = gone

    async def send(self, node: int, request: Any, *, group: Any) -> None:
        if node in self._gone:
            raise KafkaConnectionError("gone")


async def test_it_says_since_when_and_why() -> None:
    now, why = [50.0], [""]

    async def ask() -> str:
        now[0] += 2  # a question takes its time
        return why[0]

    presence = KafkaPresence(ask, lambda: now[0])
    await presence.look()
    assert presence.reason() == "" and presence.since is None
    why[0] = "no answer"
    await presence.look()
    await presence.look()
    assert presence.since == 52 and presence.reason() == "Kafka has been away for 4 s: no answer"
    why[0] = ""
    await presence.look()
    assert presence.reason() == ""


async def test_one_broker_of_three_is_enough_and_without_any_the_bootstrap_servers_tell_why() -> None:
    nobody = Connection((f"127.0.0.1:{free_ports(1)[0]}",))
    assert await ask_kafka(nobody, Client(3, {0, 1})) == ""  # type: ignore[arg-type]
    assert "Connect call failed" in await ask_kafka(nobody, Client(3, {0, 1, 2}))  # type: ignore[arg-type]
    assert "Connect call failed" in await ask_kafka(nobody, None)
