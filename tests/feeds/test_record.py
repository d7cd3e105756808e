"""Reading a feed's records: which are passed on and which are skipped; the offset of a time."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from support.kafka.apache_kafka import KafkaAddress
from support.records import counted

from tweetream.feeds.record import GAP, GAP_HEADER, Filter, Stamps, read_record
from tweetream.kafka import admin, readers
from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.kafka.readers import dedup_start, offset_of_time
from tweetream.models.feed import MAX_PARTITIONS, Stamp

Broker = EmbeddedBroker | KafkaAddress
GOOD = {"label": b"traffic", "score": b"0.7500", "origin": Stamp(0, 1, 1, 0).pack()}


class Raw:
    """A record as aiokafka gives it."""

    def __init__(self, value: bytes | None, headers: dict[str, bytes] | None = None, offset: int = 0) -> None:
        self.topic, self.value, self.offset, self.timestamp = "t-feed-x-1", value, offset, 123
        self.headers = tuple((GOOD if headers is None else headers).items())


def test_a_record_is_read_with_its_label_score_and_time() -> None:
    record = read_record(Raw(b'{"id":"x:1"}', offset=7), Stamps())
    assert record is not None
    assert (record.offset, record.data, record.label, record.score) == (7, b'{"id":"x:1"}', "traffic", 0.75)
    assert record.timestamp == 123


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (None, None), (b"", None), (b"not json", None), (b'["a"]', None), (b' {"a":1}', None),
        (b'{"a":1}\n{"b":2}', None), (b'{"a":1}\n', None), (b'{"a":1}\r', None), (b'{"a":"\rdata: x"}', None),
        ('{"a":"é"}'.encode(), None), ('{"a":"\u2028"}'.encode(), None), (b'{"a":"\xff"}', None),
        (b'{"a":1}', {}), (b'{"a":1}', GOOD | {"origin": b"short"}), (b'{"a":1}', GOOD | {"origin": None}),
        (b'{"a":1}', GOOD | {"score": b"high"}), (b'{"a":1}', GOOD | {"score": None}),
        (b'{"a":1}', GOOD | {"score": b"nan"}), (b'{"a":1}', GOOD | {"score": b"1.01"}),
        (b'{"a":1}', GOOD | {"label": b"\xff"}), (b'{"a":1}', GOOD | {"label": None}),
        (b'{"a":1}', {"origin": GOOD["origin"]}),
        (b'{"a":1}', GOOD | {"origin": Stamp(MAX_PARTITIONS, 1, 1, 0).pack()}),  # each would be remembered for ever
    ],
)  # fmt: skip
def test_a_value_that_is_no_line_of_ascii_json_with_our_headers_is_skipped_and_counted(
    value: Any, headers: Any
) -> None:
    before = counted("dead_letters", topic="t-feed-x-1")
    stamps = Stamps()
    assert read_record(Raw(value, headers), stamps) is None
    assert counted("dead_letters", topic="t-feed-x-1") == before + 1
    assert stamps.admit(Stamp(0, 1, 1, 0)), "a skipped record changes no stamp"


def test_a_gap_is_a_record_of_its_own_and_no_post_of_any_filter() -> None:
    stamps = Stamps()
    record = read_record(Raw(b"{}", {GAP_HEADER: b""}, offset=7), stamps)
    assert record is not None and (record.offset, record.data, record.label) == (7, b"", GAP)
    assert len(stamps) == 0
    for post_filter in (Filter(), Filter(GAP), Filter("traffic", 0.5)):
        assert not post_filter.passes(record)


def test_a_duplicate_is_skipped_and_counted() -> None:
    stamps, before = Stamps(), counted("duplicates")
    assert read_record(Raw(b"{}"), stamps) is not None
    assert read_record(Raw(b"{}", offset=9), stamps) is None
    assert counted("duplicates") == before + 1
    assert read_record(Raw(b"{}", offset=9), stamps, past=True) is None
    assert counted("duplicates") == before + 1, "each reader of the past finds it again"


def test_only_a_stamp_above_the_highest_of_its_partition_is_new() -> None:
    seen = Stamps()
    stamps = [
        (0, 1, 1, 0),
        (0, 1, 1, 1),
        (1, 1, 1, 0),
        (0, 1, 2, 0),
        (0, 1, 1, 5),
        (0, 1, 2, 0),
        (0, 2, 1, 0),
        (0, 1, 9, 9),
    ]
    assert [seen.admit(Stamp(*stamp)) for stamp in stamps] == [True] * 4 + [False] * 2 + [True, False]


def test_a_copy_of_stamps_is_independent() -> None:
    stamps = Stamps()
    stamps.admit(Stamp(0, 1, 1, 0))
    copy = stamps.copy()
    assert not copy.admit(Stamp(0, 1, 1, 0)) and copy.admit(Stamp(0, 1, 2, 0))
    assert stamps.admit(Stamp(0, 1, 2, 0))


async def written(broker: Broker, topic: str, pauses: list[float]) -> list[int]:
    """Write records, each after a pause. Returns the times of their arrival (ms)."""
    config = {"message.timestamp.type": "LogAppendTime"}
    await admin.create(Connection([broker.bootstrap]), [admin.TopicSpec(topic, 1, config)], 1)
    times = []
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        for pause in pauses:
            await asyncio.sleep(pause)
            times.append((await producer.send_and_wait(topic, b"{}", partition=0)).timestamp)
    return times


async def test_a_time_has_its_offset(any_broker: Broker, namespace: str) -> None:
    times = await written(any_broker, namespace, [0, 0.1, 0.1])
    tp = TopicPartition(namespace, 0)
    async with AIOKafkaConsumer(bootstrap_servers=any_broker.bootstrap) as consumer:
        consumer.assign([tp])
        assert await offset_of_time(consumer, tp, times[0] - 60_000) == 0
        assert await offset_of_time(consumer, tp, times[1] - 40) == 1
        assert await offset_of_time(consumer, tp, times[2] + 60_000) is None


async def test_a_dedup_window_is_a_time(any_broker: Broker, namespace: str) -> None:
    await written(any_broker, namespace, [0, 0, 1.0, 0.05, 0])
    tp = TopicPartition(namespace, 0)
    async with AIOKafkaConsumer(bootstrap_servers=any_broker.bootstrap, auto_offset_reset="none") as consumer:
        consumer.assign([tp])
        assert await dedup_start(consumer, tp, 4, 0.5) == 2
        assert await dedup_start(consumer, tp, 4, 60) == 0
        assert await dedup_start(consumer, tp, 0, 60) == 0


async def test_a_dedup_window_has_a_largest_number_of_records(
    any_broker: Broker, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MAX_DEDUP_RECORDS", 2)
    await written(any_broker, namespace, [0] * 5)
    tp = TopicPartition(namespace, 0)
    async with AIOKafkaConsumer(bootstrap_servers=any_broker.bootstrap, auto_offset_reset="none") as consumer:
        consumer.assign([tp])
        assert await dedup_start(consumer, tp, 5, 60) == 3
