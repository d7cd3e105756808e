"""Sending: in order, until it is delivered, refused for good, or wanted no more."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError, RequestTimedOutError
from aiokafka.producer.message_accumulator import BatchBuilder
from support.kafka.apache_kafka import ApacheKafka, KafkaAddress

from tweetream.kafka import admin
from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.kafka.producer import MAX_REQUEST, Abandoned, OrderedProducer, RecordRejected, RecordTooLarge
from tweetream.kafka.send_queue import Headers

Broker = EmbeddedBroker | KafkaAddress


@pytest.fixture
async def producer(any_broker: Broker, namespace: str) -> AsyncIterator[OrderedProducer]:
    await admin.create(Connection([any_broker.bootstrap]), [admin.TopicSpec(namespace, 2)], 1)
    box = OrderedProducer(Connection([any_broker.bootstrap]), pause=0.01)
    await box.start()
    yield box
    await box.stop()


async def read(broker: Broker, topic: str, count: int, partition: int = 0) -> list[Any]:
    """The first records of a partition, and whatever came in the same fetch as the last of them."""
    tp = TopicPartition(topic, partition)
    found: list[Any] = []
    async with asyncio.timeout(20), AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        while len(found) < count:
            found += (await consumer.getmany(tp, timeout_ms=500)).get(tp, [])
        found += (await consumer.getmany(tp, timeout_ms=300)).get(tp, [])
    return found


def failing(producer: OrderedProducer, monkeypatch: pytest.MonkeyPatch, errors: Any) -> None:
    """Let each try fail with what `errors` gives, if it gives something, before anything is sent."""
    client = producer._producer

    def flaky(real: Any) -> Any:
        async def attempt(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            if error := next(errors):
                raise error
            return await real(*args, **kwargs)

        return attempt

    for name in ("send", "send_batch"):
        monkeypatch.setattr(client, name, flaky(getattr(client, name)))


async def test_what_was_sent_is_there_with_key_and_headers(
    producer: OrderedProducer, any_broker: Broker, namespace: str
) -> None:
    sent = await producer.send(namespace, 1, b"value", key=b"key", headers=[("label", b"traffic")])
    assert (sent.partition, sent.offset) == (1, 0)
    assert (await producer.send(namespace, 1, None, key=b"key")).offset == 1
    record, tombstone = await read(any_broker, namespace, 2, partition=1)
    assert (record.value, record.key, list(record.headers)) == (b"value", b"key", [("label", b"traffic")])
    assert (tombstone.value, tombstone.key) == (None, b"key")


async def test_the_order_of_a_partition_is_kept_when_tries_fail(
    producer: OrderedProducer, any_broker: Broker, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = OSError(24, "Too many open files"), MemoryError()
    errors = [KafkaTimeoutError(), None, None, lacking[0], RequestTimedOutError(), None, lacking[1], None]
    failing(producer, monkeypatch, itertools.cycle(errors))
    values = [b"%d" % i for i in range(60)]
    await asyncio.gather(*(producer.send(namespace, i % 2, value) for i, value in enumerate(values)))
    for partition in (0, 1):
        records = await read(any_broker, namespace, 30, partition)
        assert [record.value for record in records] == values[partition::2]


async def test_one_partition_that_fails_does_not_hold_up_another(
    producer: OrderedProducer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert producer._producer is not None
    real = producer._producer.send

    async def half(topic: str, *args: Any, partition: int, **kwargs: Any) -> Any:
        if partition == 0:
            raise KafkaTimeoutError
        return await real(topic, *args, partition=partition, **kwargs)

    monkeypatch.setattr(producer._producer, "send", half)
    stuck = asyncio.create_task(producer.send(namespace, 0, b"x"))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await producer.send(namespace, 1, b"x")
    assert not stuck.done()
    stuck.cancel()


async def test_a_send_that_was_cancelled_lets_the_next_one_go_on(producer: OrderedProducer, namespace: str) -> None:
    async def never(*args: Any, **kwargs: Any) -> Any:
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(producer._producer, "send", never)
        stuck = asyncio.create_task(producer.send(namespace, 0, b"first"))
        await asyncio.sleep(0.05)
    stuck.cancel()
    async with asyncio.timeout(10):
        assert (await producer.send(namespace, 0, b"second")).offset == 0


async def test_a_record_over_one_megabyte_is_refused_and_the_next_one_sent(
    producer: OrderedProducer, namespace: str
) -> None:
    with pytest.raises(RecordRejected):
        await producer.send(namespace, 0, b"x" * 1_200_000)
    with pytest.raises(RecordRejected):
        await producer.send(namespace, 0, b"x" * 6_000_000)
    assert (await producer.send(namespace, 0, b"small")).offset == 0


async def test_what_kafka_itself_refuses_for_its_size_is_refused(apache_kafka: KafkaAddress, namespace: str) -> None:
    small = admin.TopicSpec(namespace, 1, {"max.message.bytes": "10000"})
    await admin.create(Connection([apache_kafka.bootstrap]), [small], 1)
    producer = OrderedProducer(Connection([apache_kafka.bootstrap]))
    await producer.start()
    try:
        assert producer.max_record > 10_000, "it learns the limit when Kafka rejects a record"
        values = [b"%04d" % number + b"x" * 1_000 for number in range(50)]
        values[20] = b"x" * 20_000
        assert await producer.send_all(namespace, 0, [(value, []) for value in values]) == [20]
        assert 8_000 < producer.max_record < 10_000
        with pytest.raises(RecordTooLarge):
            await producer.send(namespace, 0, b"x" * 20_000)
        assert await producer.send_all(namespace, 0, [(b"x" * 20_000, [])]) == [0]
        found = await read(apache_kafka, namespace, 49)
        assert [record.value for record in found] == values[:20] + values[21:], "the others are there, in order"
    finally:
        await producer.stop()


async def test_records_that_can_be_split_are_made_again_when_kafka_takes_less(
    apache_kafka: KafkaAddress, namespace: str
) -> None:
    small = admin.TopicSpec(namespace, 1, {"max.message.bytes": "10000"})
    await admin.create(Connection([apache_kafka.bootstrap]), [small], 1)
    producer = OrderedProducer(Connection([apache_kafka.bootstrap]))
    await producer.start()
    whole = b"".join(b"%05d" % number for number in range(4_000))

    def parts(limit: int) -> list[bytes]:
        return [whole[start : start + limit] for start in range(0, len(whole), limit)]

    try:
        await asyncio.gather(producer.send_each(namespace, 0, parts), producer.send(namespace, 0, b"after"))
        found = await read(apache_kafka, namespace, 4)
        assert b"".join(record.value for record in found) == whole + b"after"
        assert not await producer.learn_limit([namespace]), "it is known"
    finally:
        await producer.stop()


async def test_a_send_that_nobody_wants_any_more_is_given_up(
    producer: OrderedProducer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(producer, monkeypatch, itertools.repeat(KafkaTimeoutError()))
    still_assigned = True
    sending = asyncio.create_task(producer.send(namespace, 0, b"x", still_assigned=lambda: still_assigned))
    await asyncio.sleep(0.1)
    assert not sending.done()
    still_assigned = False
    with pytest.raises(Abandoned):
        async with asyncio.timeout(5):
            await sending


async def test_what_waits_behind_it_is_given_up_too(
    producer: OrderedProducer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(producer, monkeypatch, itertools.repeat(KafkaTimeoutError()))
    still_assigned = True
    sends = [
        asyncio.create_task(producer.send(namespace, 0, b"x", still_assigned=lambda: still_assigned)) for _ in range(5)
    ]
    await asyncio.sleep(0.05)
    still_assigned = False
    async with asyncio.timeout(5):
        results = await asyncio.gather(*sends, return_exceptions=True)
    assert [type(result) for result in results] == [Abandoned] * 5


async def test_after_stop_everything_is_given_up(any_broker: Broker, namespace: str) -> None:
    producer = OrderedProducer(Connection([any_broker.bootstrap]))
    await producer.start()
    await producer.stop()
    await producer.stop()
    with pytest.raises(Abandoned):
        await producer.send(namespace, 0, b"x")
    with pytest.raises(Abandoned):
        await producer.send_all(namespace, 0, [(b"x", [])])


async def test_many_records_go_in_several_batches_in_order(
    producer: OrderedProducer, any_broker: Broker, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(producer, monkeypatch, itertools.cycle([KafkaTimeoutError(), None]))
    assert producer._producer is not None
    batches: list[BatchBuilder] = []
    real = producer._producer.create_batch

    def create_batch() -> BatchBuilder:
        batches.append(real())
        return batches[-1]

    monkeypatch.setattr(producer._producer, "create_batch", create_batch)
    records: list[tuple[bytes, Headers]] = [
        (b"%05d" % i + b"x" * 20_000, [("nth", b"%d" % i)]) for i in range(5 * MAX_REQUEST // 2 // 20_000)
    ]
    await producer.send_all(namespace, 0, records)
    found = await read(any_broker, namespace, len(records))
    assert [(record.value, list(record.headers)) for record in found] == records
    assert len(batches) == 3


async def test_nothing_comes_between_the_parts_of_what_is_sent_together(
    producer: OrderedProducer, any_broker: Broker, namespace: str
) -> None:
    large: list[tuple[bytes, Headers]] = [(b"%d" % i + b"x" * (MAX_REQUEST // 2), []) for i in range(3)]
    await asyncio.gather(
        producer.send_each(namespace, 0, lambda _: [b"a1", b"a2", b"a3"]),
        producer.send_each(namespace, 0, lambda _: [b"b1", b"b2"]),
        producer.send_all(namespace, 0, large),
        producer.send(namespace, 0, b"c"),
    )
    values = [record.value for record in await read(any_broker, namespace, 9)]
    assert values == [b"a1", b"a2", b"a3", b"b1", b"b2", *(value for value, _ in large), b"c"]


async def test_nothing_to_send_is_nothing_sent(producer: OrderedProducer, namespace: str) -> None:
    await producer.send_all(namespace, 0, [])
    assert (await producer.send(namespace, 0, b"x")).offset == 0


@pytest.mark.kafka
async def test_the_queues_of_feeds_that_come_and_go_do_not_accumulate() -> None:
    producer = OrderedProducer(Connection(["127.0.0.1:1"]))
    for number in range(10):
        producer.queue(f"feed-{number}", 0)
    async with producer.queue("feed-3", 0).turn():
        producer.follow(["feed-7"])
        assert set(producer._queues) == {("feed-3", 0), ("feed-7", 0)}
    producer.follow(["feed-7"])
    assert set(producer._queues) == {("feed-7", 0)}


@pytest.mark.kafka
async def test_what_is_sent_while_the_broker_is_dead_is_delivered_in_order_when_it_is_back() -> None:
    with ApacheKafka() as broker:
        await admin.create(Connection([broker.bootstrap]), [admin.TopicSpec("t", 1)], 1)
        producer = OrderedProducer(Connection([broker.bootstrap]))
        await producer.start()
        try:
            await producer.send("t", 0, b"before")
            broker.kill()
            sends = [asyncio.create_task(producer.send("t", 0, b"%d" % i)) for i in range(3)]
            sends.append(asyncio.create_task(producer.send_all("t", 0, [(b"3", []), (b"4", [])])))
            await asyncio.sleep(0.5)
            assert not any(send.done() for send in sends)
            await asyncio.to_thread(broker.restart)
            async with asyncio.timeout(40):
                await asyncio.gather(*sends)
            values = [record.value for record in await read(broker, "t", 6)]
        finally:
            await producer.stop()
    firsts = list(dict.fromkeys(values))  # a try whose answer was lost may have been delivered
    assert firsts == [b"before", b"0", b"1", b"2", b"3", b"4"]


async def test_a_stop_does_not_wait_for_a_dead_broker(embedded_broker: EmbeddedBroker, namespace: str) -> None:
    await admin.create(Connection([embedded_broker.bootstrap]), [admin.TopicSpec(namespace, 1)], 1)
    producer = OrderedProducer(Connection([embedded_broker.bootstrap]))
    await producer.start()
    await producer.send(namespace, 0, b"x")
    embedded_broker.stop()
    sending = asyncio.create_task(producer.send(namespace, 0, b"y"))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(4):
        await producer.stop(timeout=1.0)
    sending.cancel()
