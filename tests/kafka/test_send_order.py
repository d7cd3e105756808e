"""However sends come to a partition, and whatever fails: each record once, in the order in which the sends came."""

import asyncio
import random
from typing import Any

import pytest
from aiokafka.errors import RequestTimedOutError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition
from support.kafka.sends import AddedSend

from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import MAX_REQUEST, Abandoned, OrderedProducer


class Batch(BatchBuilder):
    """A batch that remembers its values."""

    def __init__(self) -> None:
        super().__init__(MAX_REQUEST, 0)
        self.values: list[int] = []

    def append(self, *, timestamp: Any, key: Any, value: Any, headers: Any = ()) -> Any:
        self.values.append(int(value))
        return super().append(timestamp=timestamp, key=key, value=value, headers=headers)


class Kafka:
    """Takes batches after a random number of turns of the loop, and refuses some of them for a while."""

    client = None

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.log = chance, list[int]()

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)
        if self.chance.random() < 0.2:
            raise RequestTimedOutError
        self.log += batch.values
        done = asyncio.get_running_loop().create_future()
        done.set_result(RecordMetadata(topic, partition, TopicPartition(topic, partition), 0, -1, 0, 0))
        return done


class Sends:
    """Sends of every kind, with numbers as records; some lose their partition at some time."""

    def __init__(self, producer: OrderedProducer, chance: random.Random) -> None:
        self.producer, self.chance = producer, chance
        self.sent, self.lost, self.cancelled = list[int](), list[int](), list[int]()
        self.ended = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._next = 0

    def begin(self) -> None:
        if self._tasks and self.chance.random() < 0.1:
            self.chance.choice(self._tasks[-3:]).cancel()
        size = self.chance.randrange(1, 4)
        numbers = list(range(self._next, self._next + size))
        self._next += size
        records: Any = [(b"%d" % number, []) for number in numbers]
        left = self.chance.randrange(2, 12) if self.chance.random() < 0.2 else 10**9

        def assigned() -> bool:
            nonlocal left
            left -= 1
            return left > 0

        def end(_: object, error: BaseException | None) -> None:
            assert error is None or isinstance(error, Abandoned)
            (self.sent if error is None else self.lost).extend(numbers)
            self.ended += 1

        async def wait() -> None:
            try:
                await self.producer.send_all("t", 0, records, still_assigned=assigned)
            except Abandoned as error:
                end(None, error)
            except asyncio.CancelledError:
                self.cancelled += numbers
                self.ended += 1
            else:
                end(None, None)

        async def alone() -> None:
            async with self.producer.queue("t", 0).turn():
                await asyncio.sleep(0)

        if self.chance.random() < 0.6:
            self.producer.begin_send("t", 0, AddedSend(records, assigned, end))
        else:
            self._tasks.append(asyncio.create_task(wait()))
        if self.chance.random() < 0.1:
            self._tasks.append(asyncio.create_task(alone()))


@pytest.mark.parametrize("seed", range(40))
async def test_each_record_comes_once_and_in_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    kafka, producer = Kafka(chance), OrderedProducer(Connection(["127.0.0.1:1"]), pause=0)
    monkeypatch.setattr(producer, "_producer", kafka)
    sends = Sends(producer, chance)
    for _ in range(100):
        sends.begin()
        await asyncio.sleep(0)  # a task appends its records when it runs first
        for _ in range(chance.choice([0, 0, 1, 5])):
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        while sends.ended < 100:
            await asyncio.sleep(0)
    delivered = set(kafka.log)
    assert len(delivered) == len(kafka.log) and kafka.log == sorted(kafka.log)
    assert delivered >= set(sends.sent) and delivered.isdisjoint(set(range(sends._next)) - delivered)
    assert set(sends.sent) | set(sends.lost) | set(sends.cancelled) == set(range(sends._next))
    assert len(sends.lost) < sends._next / 2
