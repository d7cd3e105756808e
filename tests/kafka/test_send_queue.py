"""Sends that wait for a partition go out together: in order, each once, and each by its own right."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka.errors import RecordListTooLargeError, RequestTimedOutError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition
from support.kafka.sends import AddedSend

from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import MAX_REQUEST, Abandoned, OrderedProducer, RecordRejected, RecordTooLarge
from tweetream.kafka.send_queue import Record, Send
from tweetream.kafka.write_watch import Unwritable


class Batch(BatchBuilder):
    """A batch that remembers its values."""

    def __init__(self) -> None:
        super().__init__(MAX_REQUEST, 0)
        self.values: list[bytes] = []

    def append(self, *, timestamp: Any, key: Any, value: Any, headers: Any = ()) -> Any:
        if (metadata := super().append(timestamp=timestamp, key=key, value=value, headers=headers)) is not None:
            self.values.append(value)
        return metadata


class Kafka:
    """Takes a batch each time that `free` lets it. `errors` come first; a batch that is `large` never goes in."""

    client = None

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(0)
        self.errors: list[Exception] = []
        self.large = MAX_REQUEST
        self.batches: list[list[bytes]] = []

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        await self.free.acquire()
        if self.errors:
            raise self.errors.pop(0)
        if len(batch.values) > self.large or max(map(len, batch.values)) > MAX_REQUEST:
            raise RecordListTooLargeError
        self.batches.append(batch.values)
        done = asyncio.get_running_loop().create_future()
        done.set_result(RecordMetadata(topic, partition, TopicPartition(topic, partition), 0, -1, 0, 0))
        return done

    async def stop(self) -> None:
        pass


@pytest.fixture
async def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
async def producer(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OrderedProducer]:
    async def keep(topics: Any) -> bool:
        return False

    found = OrderedProducer(Connection(["127.0.0.1:1"]), pause=0)
    monkeypatch.setattr(found, "_producer", kafka)
    monkeypatch.setattr(found, "learn_limit", keep)
    yield found


def records(*names: str) -> list[Record]:
    return [(name.encode(), []) for name in names]


async def begun(producer: OrderedProducer, *sends: list[Record], **options: Any) -> list[asyncio.Task[list[int]]]:
    """Sends that wait behind each other."""
    tasks = [asyncio.create_task(producer.send_all("t", 0, send, **options)) for send in sends]
    await asyncio.sleep(0)
    return tasks


async def test_what_comes_while_a_batch_is_on_its_way_goes_out_in_one_batch(
    producer: OrderedProducer, kafka: Kafka
) -> None:
    tasks = await begun(producer, records("a"), records("b", "c"), records("d"))
    tasks += await begun(producer, records("e"))
    kafka.free.release()
    kafka.free.release()
    assert await asyncio.gather(*tasks) == [[], [], [], []]
    assert sum(kafka.batches, []) == [b"a", b"b", b"c", b"d", b"e"] and len(kafka.batches) == 2


async def test_a_turn_alone_parts_what_is_before_it_from_what_is_behind(
    producer: OrderedProducer, kafka: Kafka
) -> None:
    first = await begun(producer, records("a"), records("b"))

    async def alone() -> None:
        async with producer.queue("t", 0).turn():
            kafka.batches.append([b"alone"])

    turn = asyncio.create_task(alone())
    await asyncio.sleep(0)
    last = await begun(producer, records("c"))
    for _ in range(3):
        kafka.free.release()
    await asyncio.gather(*first, turn, *last)
    assert sum(kafka.batches, []) == [b"a", b"b", b"alone", b"c"]


async def test_a_send_that_is_no_longer_assigned_fails_alone(producer: OrderedProducer, kafka: Kafka) -> None:
    assigned = True
    first = await begun(producer, records("a"))
    lost = await begun(producer, records("b"), still_assigned=lambda: assigned)
    last = await begun(producer, records("c"))
    assigned = False
    for _ in range(3):
        kafka.free.release()
    assert await first[0] == await last[0] == []
    with pytest.raises(Abandoned):
        await lost[0]
    assert sum(kafka.batches, []) == [b"a", b"c"]


async def test_one_that_is_lost_while_its_batch_is_tried_again_leaves_it(
    producer: OrderedProducer, kafka: Kafka
) -> None:
    assigned = True
    kafka.errors = [RequestTimedOutError()]
    (first,) = await begun(producer, records("a"))
    (lost,) = await begun(producer, records("b"), still_assigned=lambda: assigned)
    (last,) = await begun(producer, records("c"))
    assigned = False
    for _ in range(4):
        kafka.free.release()
    assert await first == await last == []
    with pytest.raises(Abandoned):
        await lost
    assert sum(kafka.batches, []) == [b"a", b"c"]


async def test_the_end_of_the_one_whose_turn_it_is_does_not_end_the_others(
    producer: OrderedProducer, kafka: Kafka
) -> None:
    (first,) = await begun(producer, records("a"))
    (second,) = await begun(producer, records("b"))
    first.cancel()
    kafka.free.release()
    assert await second == []
    assert kafka.batches == [[b"b"]]


async def test_of_a_batch_that_is_too_large_each_send_learns_its_own(producer: OrderedProducer, kafka: Kafka) -> None:
    kafka.large = 1
    tasks = await begun(producer, records("a", "b"), [(b"x" * 2 * MAX_REQUEST, []), (b"d", [])], records("e"))
    for _ in range(20):
        kafka.free.release()
    assert await asyncio.gather(*tasks) == [[], [0], []]
    assert kafka.batches == [[b"a"], [b"b"], [b"d"], [b"e"]]


async def test_a_strict_send_ends_at_what_is_too_large_and_the_next_goes_on(
    producer: OrderedProducer, kafka: Kafka
) -> None:
    send = Send([(b"a", []), (b"x" * 2 * MAX_REQUEST, []), (b"c", [])], [b"1", b"2", b"3"], lambda: True)
    send.strict = True
    strict = asyncio.create_task(producer.deliver("t", 0, send))
    await asyncio.sleep(0)
    (other,) = await begun(producer, records("d"))
    for _ in range(20):
        kafka.free.release()
    with pytest.raises(RecordTooLarge, match="t takes records of up to [0-9]+ bytes"):
        await strict
    assert (send.offsets, await other, kafka.batches) == ([0], [], [[b"a"], [b"d"]])


async def test_a_producer_that_stops_lets_all_go(producer: OrderedProducer, kafka: Kafka) -> None:
    kafka.errors = [RequestTimedOutError()]
    tasks = await begun(producer, records("a"), records("b"))
    producer._producer = None
    kafka.free.release()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in found] == [Abandoned, Abandoned] and not issubclass(Abandoned, RecordRejected)


class Added:
    """Sends that are added to the queue, and how they ended: the values, and the error or None."""

    def __init__(self, producer: OrderedProducer) -> None:
        self.ended: list[tuple[list[bytes], Exception | None]] = []
        self._producer = producer

    def add(self, *names: str, assigned: Callable[[], bool] = lambda: True) -> None:
        self._producer.begin_send("t", 0, AddedSend(records(*names), assigned, self._note))

    def _note(self, send: Send, error: Exception | None) -> None:
        self.ended.append(([value for value, _ in send.records if value is not None], error))

    async def wait(self, number: int) -> list[list[bytes]]:
        async with asyncio.timeout(5):
            while len(self.ended) < number:
                await asyncio.sleep(0)
        return [values for values, _ in self.ended]


@pytest.fixture
async def added(producer: OrderedProducer) -> Added:
    return Added(producer)


async def test_what_may_not_be_sent_now_ends_alone(added: Added, kafka: Kafka, producer: OrderedProducer) -> None:
    class Limited(AddedSend):
        def limit(self) -> Any:
            raise Unwritable("t")

    producer.begin_send("t", 0, Limited(records("a"), lambda: True, added._note))
    added.add("b")
    kafka.free.release()
    assert await added.wait(2) == [[b"a"], [b"b"]]
    assert [type(error) for _, error in added.ended] == [Unwritable, type(None)] and kafka.batches == [[b"b"]]


async def test_what_is_added_goes_out_in_order_and_together(added: Added, kafka: Kafka) -> None:
    for names in ("ab", "c", "d"):
        added.add(*names)
    for _ in range(3):
        kafka.free.release()
    assert await added.wait(3) == [[b"a", b"b"], [b"c"], [b"d"]]
    assert kafka.batches == [[b"a", b"b", b"c", b"d"]]
    added.add("e")
    assert await added.wait(4) and kafka.batches[1:] == [[b"e"]]


async def test_what_is_added_keeps_its_place_among_those_that_wait_for_their_turn(
    added: Added, kafka: Kafka, producer: OrderedProducer
) -> None:
    added.add("a")
    first = await begun(producer, records("b"))
    added.add("c")

    async def alone() -> None:
        async with producer.queue("t", 0).turn():
            kafka.batches.append([b"alone"])

    turn = asyncio.create_task(alone())
    await asyncio.sleep(0)
    added.add("d")
    last = await begun(producer, records("e"))
    for _ in range(6):
        kafka.free.release()
    await asyncio.gather(*first, turn, *last)
    assert await added.wait(3) == [[b"a"], [b"c"], [b"d"]]
    assert sum(kafka.batches, []) == [b"a", b"b", b"c", b"alone", b"d", b"e"]


async def test_the_end_of_one_by_an_error_is_told_before_the_next_is_sent(added: Added, kafka: Kafka) -> None:
    """The feed of the first has a backlog from then on, so that the second must not be written."""
    lost = False
    added.add("a", assigned=lambda: not lost)
    added.add("b", assigned=lambda: not any(error for _, error in added.ended))
    await asyncio.sleep(0)
    kafka.errors, lost = [RequestTimedOutError()], True
    kafka.free.release()
    assert await added.wait(2) == [[b"a"], [b"b"]]
    assert [type(error) for _, error in added.ended] == [Abandoned, Abandoned] and kafka.batches == []


async def test_an_error_in_what_follows_a_send_does_not_hold_the_others(
    added: Added, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = added._note

    def fail_once(send: Send, error: Exception | None) -> None:
        note(send, error)
        if len(added.ended) == 1:
            raise ZeroDivisionError

    monkeypatch.setattr(added, "_note", fail_once)
    added.add("a")
    await asyncio.sleep(0)
    added.add("b")
    for _ in range(2):
        kafka.free.release()
    assert await added.wait(2) == [[b"a"], [b"b"]]


async def test_a_producer_that_stops_ends_what_was_added(added: Added, kafka: Kafka, producer: OrderedProducer) -> None:
    added.add("a")
    added.add("b")
    await asyncio.sleep(0)
    await producer.stop()
    assert [type(error) for _, error in added.ended] == [Abandoned, Abandoned] and kafka.batches == []
