"""A consumer in fetch sessions gives each record of its partitions once and in order, whatever comes between."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, OffsetOutOfRangeError, TopicAuthorizationFailedError
from support.kafka.feed_writer import Broker

from tweetream.kafka import admin, session_consumer
from tweetream.kafka.connection import Connection
from tweetream.kafka.fetch_session import FetchSession, SessionFetch
from tweetream.kafka.session_consumer import SessionConsumer

A, B, C = (TopicPartition(topic, 0) for topic in "abc")
TOPICS = 40


class Topics:
    """So many topics at a broker, a consumer, and what it got of each."""

    def __init__(self, broker: Broker, namespace: str) -> None:
        self.kafka = Connection([broker.bootstrap])
        self.tps = [TopicPartition(f"{namespace}-{number}", 0) for number in range(TOPICS)]
        self.consumer = SessionConsumer(self.kafka)
        self.producer = AIOKafkaProducer(**self.kafka.arguments())
        self.got: defaultdict[TopicPartition, list[int]] = defaultdict(list)
        self.requests: list[Any] = []  # of fetches, as they were sent

    async def begin(self) -> None:
        await admin.create(self.kafka, [admin.TopicSpec(tp.topic, 1) for tp in self.tps], 1)
        await self.producer.start()
        await self.consumer.start()
        whole = self.consumer._client.send

        async def send(node: int, request: Any, **options: Any) -> Any:
            if isinstance(request, SessionFetch):
                self.requests.append(request)
            return await whole(node, request, **options)

        self.consumer._client.send = send  # type: ignore[method-assign]

    async def write(self, number: int, *values: int) -> None:
        for value in values:
            await self.producer.send_and_wait(self.tps[number].topic, b"%d" % value, partition=0)

    async def read(self, until: Callable[[], bool], most: int = 1_000) -> None:
        async with asyncio.timeout(20):
            while not until():
                for tp, records in (await self.consumer.getmany(timeout_ms=100, max_records=most)).items():
                    assert len(records) <= most
                    self.got[tp] += [int(record.value) for record in records]

    async def quiet(self) -> None:
        """Nothing more comes."""
        for _ in range(4):
            assert await self.consumer.getmany(timeout_ms=100, max_records=1_000) == {}


@pytest.fixture
async def topics(any_broker: Broker, namespace: str) -> AsyncIterator[Topics]:
    found = Topics(any_broker, namespace)
    await found.begin()
    yield found
    await found.consumer.stop()
    await found.producer.stop()


async def test_each_record_comes_once_and_in_order(topics: Topics) -> None:
    topics.consumer.assign(dict.fromkeys(topics.tps, 0))
    expected = {tp: list(range(number % 5)) for number, tp in enumerate(topics.tps) if number % 5}
    for number in range(TOPICS):
        await topics.write(number, *range(number % 5))
    await topics.read(lambda: topics.got == expected, most=3)
    await topics.write(7, 2)
    await topics.read(lambda: topics.got[topics.tps[7]] == [0, 1, 2])
    await topics.quiet()


async def test_an_answer_tells_only_of_what_is_new(topics: Topics) -> None:
    topics.consumer.assign(dict.fromkeys(topics.tps, 0))
    for number in range(TOPICS):
        await topics.write(number, 0)
    await topics.read(lambda: len(topics.got) == TOPICS)
    await topics.quiet()
    before = len(topics.requests)
    await topics.write(3, 1)
    await topics.read(lambda: topics.got[topics.tps[3]] == [0, 1])
    await topics.quiet()
    told = [len(request.topics) for request in topics.requests[before:]]
    if all(broker.session.id for broker in topics.consumer._brokers.values()):
        assert sum(told) == 1, f"the one that has moved on: {told}"
    else:
        assert set(told) == {TOPICS}, "the embedded broker makes no sessions"


async def test_partitions_come_and_go_and_are_read_from_where_it_is_said(topics: Topics) -> None:
    first, second, third = topics.tps[:3]
    topics.consumer.assign({first: 0, second: 0})
    for number in range(3):
        await topics.write(number, 0, 1, 2)
    await topics.read(lambda: topics.got == {first: [0, 1, 2], second: [0, 1, 2]})
    topics.consumer.assign({second: 1, third: 2})
    await topics.write(0, 3)
    await topics.read(lambda: topics.got[second] == [0, 1, 2, 1, 2] and topics.got[third] == [2])
    assert topics.got[first] == [0, 1, 2]
    topics.consumer.assign({first: 3, second: 3, third: 3})
    await topics.read(lambda: topics.got[first] == [0, 1, 2, 3])
    await topics.quiet()


async def test_what_was_asked_before_the_assignment_changed_is_not_given(topics: Topics) -> None:
    tp = topics.tps[0]
    topics.consumer.assign({tp: 0})
    assert await topics.consumer.getmany(timeout_ms=1, max_records=9) == {}, "a fetch is on its way"
    await topics.write(0, 0, 1, 2)
    topics.consumer.assign({tp: 2})
    await topics.read(lambda: bool(topics.got[tp]))
    await topics.quiet()
    assert topics.got[tp] == [2]


async def test_a_session_that_the_broker_has_forgotten_is_begun_anew(topics: Topics) -> None:
    topics.consumer.assign(dict.fromkeys(topics.tps, 0))
    await topics.write(0, 0)
    await topics.read(lambda: topics.got[topics.tps[0]] == [0])
    for broker in topics.consumer._brokers.values():
        if broker.fetch is not None:
            await broker.fetch
        broker.session.id = 1 if broker.session.id else 0  # no broker has that one
    await topics.write(1, 0)
    await topics.write(0, 1)
    await topics.read(lambda: topics.got == {topics.tps[0]: [0, 1], topics.tps[1]: [0]})
    await topics.quiet()


async def test_a_broker_that_fails_for_a_moment_costs_nothing(topics: Topics) -> None:
    topics.consumer.assign(dict.fromkeys(topics.tps, 0))
    await topics.write(0, 0)
    await topics.read(lambda: topics.got[topics.tps[0]] == [0])
    whole, failures = topics.consumer._client.send, 0

    async def failing(*args: Any, **options: Any) -> Any:
        nonlocal failures
        answer = await whole(*args, **options)
        if failures < 3:
            failures += 1
            raise KafkaConnectionError("the answer is lost")
        return answer

    topics.consumer._client.send = failing  # type: ignore[method-assign]
    await topics.write(0, 1)
    await topics.write(1, 0)
    await topics.read(lambda: topics.got == {topics.tps[0]: [0, 1], topics.tps[1]: [0]})
    assert failures == 3
    await topics.quiet()


# The embedded broker says nothing past its end.
@pytest.mark.parametrize("any_broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
async def test_an_offset_that_the_log_does_not_have_is_told(topics: Topics) -> None:
    topics.consumer.assign({topics.tps[0]: 99, topics.tps[1]: 0})
    with pytest.raises(OffsetOutOfRangeError) as raised:
        await topics.read(lambda: False)
    assert raised.value.args[0] == {topics.tps[0]: 99}


def forbidden(partition: tuple[Any, ...]) -> tuple[Any, ...]:
    return (partition[0], TopicAuthorizationFailedError.errno, *partition[2:])


def corrupt(partition: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*partition[:-1], partition[-1][:-1] + b"?") if partition[-1] else partition


@pytest.mark.parametrize("spoil", [forbidden, corrupt])
async def test_a_partition_that_cannot_be_read_holds_no_other(
    topics: Topics, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> None:
    monkeypatch.setattr(session_consumer, "LATER", 0.3)
    bad, *others = topics.tps[:5]
    whole, spoilt = topics.consumer._client.send, True

    async def send(node: int, request: Any, **options: Any) -> Any:
        answer = await whole(node, request, **options)
        if isinstance(request, SessionFetch) and spoilt:
            for nth, (topic, partitions) in enumerate(answer.topics):
                if topic == bad.topic:
                    answer.topics[nth] = (topic, [spoil(partition) for partition in partitions])
        return answer

    topics.consumer._client.send = send  # type: ignore[method-assign]
    topics.consumer.assign(dict.fromkeys(topics.tps, 0))
    for value in range(3):
        for number in range(5):
            await topics.write(number, value)
        await topics.read(lambda value=value: [topics.got[tp][-1:] for tp in others] == [[value]] * 4)  # type: ignore[misc]
    assert topics.got[bad] == []
    spoilt = False
    await topics.read(lambda: topics.got[bad] == [0, 1, 2])
    await topics.quiet()
    assert [topics.got[tp] for tp in others] == [[0, 1, 2]] * 4


async def test_a_topic_that_is_made_later_is_read_when_it_is_there(topics: Topics, namespace: str) -> None:
    late = TopicPartition(f"{namespace}-late", 0)
    topics.tps.append(late)
    topics.consumer.assign({late: 0, topics.tps[0]: 0})
    await topics.write(0, 0)
    await topics.read(lambda: topics.got[topics.tps[0]] == [0])
    await admin.create(topics.kafka, [admin.TopicSpec(late.topic, 1)], 1)
    await topics.write(TOPICS, 0)
    await topics.read(lambda: topics.got[late] == [0])


def test_a_request_names_what_the_broker_does_not_know() -> None:
    session = FetchSession()
    session.want({A: 1, B: 2})
    first = session.changes()
    assert tuple(first) == (0, {A: 1, B: 2}, [])
    session.confirm(first, 77)
    assert session.id == 77 and session.changes() == (1, {}, [])
    session.confirm(session.changes()._replace(epoch=1), 77)
    session.move(A, 5)
    session.want({A: 5, C: 0})
    told = session.changes()
    assert tuple(told) == (2, {A: 5, C: 0}, [B])
    session.move(C, 3)  # while the request is on its way
    session.confirm(told, 77)
    assert session.is_asked(A) and not session.is_asked(B) and not session.is_asked(C)
    assert session.changes() == (3, {C: 3}, [])


def test_a_request_without_an_answer_begins_a_new_session() -> None:
    session = FetchSession()
    session.want({A: 1, B: 2})
    session.confirm(session.changes(), 77)
    session.changes()
    assert session.changes() == (0, {A: 1, B: 2}, []) and session.id == 77, "which ends the old one"


def test_a_broker_without_sessions_is_told_everything_each_time() -> None:
    session = FetchSession()
    session.want({A: 1})
    for _ in range(3):
        told = session.changes()
        assert tuple(told) == (0, {A: 1}, [])
        session.confirm(told, 0)
        assert session.is_asked(A)


def test_the_number_of_a_request_stays_within_its_32_bits() -> None:
    session = FetchSession()
    session.want({A: 1})
    session.confirm(session.changes()._replace(epoch=2**31 - 2), 7)
    assert session.changes().epoch == 2**31 - 1
    session.confirm(session.changes()._replace(epoch=2**31 - 1), 7)
    assert session.changes().epoch == 1
