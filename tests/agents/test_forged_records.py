"""Attack: records that others wrote to Kafka. Readers take them, or refuse them with the exception they declare."""

import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from support.topics import give_topics

from tweetream.agents import counting, streamer
from tweetream.agents.classification import classify
from tweetream.agents.preprocessing import Tagger, split
from tweetream.feeds.record import Stamps, read_record
from tweetream.feeds.retractions import Retractions
from tweetream.feeds.ring import FeedRing
from tweetream.models import codec
from tweetream.models.codec import Undecodable
from tweetream.models.command import Command
from tweetream.models.counts import CountRecord, Counts, check_counts
from tweetream.models.epoch import MAX_AHEAD
from tweetream.models.feed import FeedName, Stamp, event_line
from tweetream.models.post import Post, PostBatch, TaggedBatch, TaggedPost, read_posts, read_tagged
from tweetream.models.topic import BadTopic, Topic
from tweetream.sources.status import SourceStatuses, State, Status, StatusReport
from tweetream.text import Cleaner
from tweetream.topology import FEED_PREFIX, counts_table, is_feed, is_live, now_ms, topics_table
from tweetream.web import history

NOW = now_ms()
FEED = f"{FEED_PREFIX}{FeedName('macet', NOW)}"
POST = Post("x:1", "x", "macet \U0001f697 total", NOW, NOW, "https://x.com/1", "kurir", "id")
ROUNDS = 400  # mutations of each record
# What mutations put in the place of a value.
ODD: list[object] = [
    None,
    True,
    -1,
    2**32,
    2**63,
    2**64 - 1,
    1e308,
    float("nan"),
    "",
    "\x1b[2J",
    "../../<b>",
    "x" * 5000,
    b"\xff",
]
ODD += [[], {}, [[[[1]]]], {"a": {"b": {}}}, list(range(50))]


def mutated(record: bytes, chance: random.Random) -> Iterator[bytes]:
    """The record with bytes changed or cut, and with values of other types and sizes in it."""
    for number in range(ROUNDS):
        if number % 2:
            body = msgspec.msgpack.decode(record[1:])
            yield record[:1] + msgspec.msgpack.encode(_with_odd(body, chance))
        else:
            data = bytearray(record)
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(1, len(data))] = chance.randrange(256)
            yield bytes(data[: chance.randint(1, len(data))] if number % 8 == 0 else data)
    yield record[:2] + b"\x91" * 100_000  # without end


def _with_odd(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, list | dict) or not value or chance.random() < 0.15:
        return chance.choice(ODD)
    if isinstance(value, list):
        at = chance.randrange(len(value))
        return [_with_odd(one, chance) if number == at else one for number, one in enumerate(value)]
    at = chance.choice(list(value))
    key = chance.choice([at, "\x1b", 2**63]) if chance.random() < 0.2 else at
    return {(key if one == at else one): _with_odd(v, chance) if one == at else v for one, v in value.items()}


def take_posts(data: bytes) -> None:
    batch = read_posts(data, NOW)
    assert batch.epoch <= NOW + MAX_AHEAD
    tagged = Tagger(Cleaner()).tag(batch)
    tagged.feeds, tagged.posts = [FEED], [TaggedPost(n, post, "", (0,)) for n, post in enumerate(batch.posts)]
    codec.encode(split(tagged))


def take_tagged(data: bytes) -> None:
    batch = read_tagged(data, NOW)
    if batch.posts and all(map(is_feed, batch.feeds)):
        number = len(batch.posts)
        records, counts = classify((["traffic"] * number, [0.5] * number), 0, batch)
        assert set(records) <= {FEED}
        take_counts(codec.encode(counts))


def count(record: CountRecord) -> None:
    changed: dict[str, Counts] = {}
    counting.add(changed, record)
    counting.put(changed)


def take_counts(data: bytes) -> None:
    record = codec.decode(data, CountRecord)
    check_counts(record, NOW, 4)
    count(record)


def take_report(data: bytes) -> None:
    statuses = SourceStatuses()
    statuses.update(data, NOW)
    for status in statuses.current([], NOW):
        assert "\x1b" not in status.url + status.reason and len(status.url + status.reason) < 5000


TOPIC = Topic("macet", ("macet",), NOW, NOW, FEED, 3, former=(f"{FEED_PREFIX}macet-1",))
READERS: dict[str, tuple[object, Callable[[bytes], object], tuple[type[Exception], ...]]] = {
    "posts": (PostBatch(NOW, 3, -1, {"replay:a": "12"}, [POST, POST]), take_posts, (Undecodable,)),
    "tagged": (
        TaggedBatch(NOW, 3, 9, [FEED], [TaggedPost(n, POST, "macet", (0,)) for n in range(3)]), take_tagged,
        (Undecodable,),
    ),
    "counts": (
        CountRecord(0, NOW, 2, 3, {FEED: {NOW // 60_000: {"traffic": 2}}}, {FEED: {NOW // 60_000: {"x": 2}}}),
        take_counts, (Undecodable,),
    ),
    "commands": (Command("add", "macet", ("macet",), NOW), lambda data: streamer._read(data, NOW), (Undecodable,)),
    "sources": (StatusReport(NOW, Status("x:", State.STREAMING, "why", 1, 2, NOW, 3, NOW)), take_report, ()),
    "topics": (TOPIC, lambda data: topics_table.check(b"macet", data), (ValueError,)),
    "count entries": (
        Counts({"traffic": 2}, {NOW // 60_000: {"traffic": 2}}, {3: (1, 2, 3)}),
        lambda data: counts_table.check(b"x", data), (ValueError,),
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables have the topic, and keep nothing of a test."""
    give_topics(monkeypatch, {"macet": TOPIC})
    monkeypatch.setattr(counts_table, "put", lambda feed, entry: codec.encode(entry))


@pytest.mark.parametrize("kind", READERS)
def test_a_mutated_record_is_taken_or_refused_with_the_declared_exception(kind: str) -> None:
    value, take, declared = READERS[kind]
    take(codec.encode(value))
    refused = 0
    for data in mutated(codec.encode(value), random.Random(kind)):
        try:
            take(data)
        except codec.TooNew:
            pytest.fail("the version was not changed")
        except declared:
            refused += 1
    assert refused > ROUNDS // 5 or not declared


def feed_record(value: bytes, headers: list[tuple[str, bytes]], offset: int = 0) -> SimpleNamespace:
    return SimpleNamespace(topic=FEED, offset=offset, value=value, timestamp=NOW, headers=tuple(headers))


def test_what_a_reader_of_a_feed_passes_on_is_flat_json_that_pages_can_carry() -> None:
    good = event_line(POST, "macet", "traffic", 0.5)
    chance, passed = random.Random(5), 0
    deep = b"[" * 900 + b"]" * 900
    odd = [good[:-1] + b',"x":' + part + b"}" for part in (deep, b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"1e999")]
    for number in range(2000):
        value = bytearray(good)
        value[chance.randrange(len(value))] = chance.randrange(256)
        odd.append(bytes(value[: chance.randint(1, len(value))] if number % 4 == 0 else value))
    for data in odd:
        headers = [("label", b"traffic"), ("score", b"0.5"), ("origin", Stamp(0, NOW, 1, 0).pack())]
        if chance.random() < 0.3:
            headers[chance.randrange(3)] = (chance.choice(["label", "score", "origin", "x"]), chance.randbytes(22))
        ring = FeedRing(FEED, 0, Stamps(), Retractions())
        ring.take([feed_record(data, headers)])
        for record in ring.after(0):
            passed += 1
            assert isinstance(msgspec.json.decode(record.data), dict)
            history._is_post(record)
        ring.retract(b"x:1", NOW)
    assert passed > 100
    assert not any(read_record(feed_record(data, []), Stamps()) for data in odd[:5])


def test_a_forged_stamp_makes_no_later_post_a_duplicate() -> None:
    stamps, good = Stamps(), event_line(POST, "macet", "traffic", 0.5)

    def read(epoch: int) -> object:
        headers = [("label", b"traffic"), ("score", b"0.5"), ("origin", Stamp(0, epoch, 1, 0).pack())]
        return read_record(feed_record(good, headers), stamps)

    assert read(2**64 - 1) is None and read(NOW + MAX_AHEAD + 1) is None
    assert read(NOW) is not None


@pytest.mark.parametrize(
    "command",
    [
        Command("add", "../../<b>", ("x",)), Command("delete", "../../<b>"), Command("forget", "", generation=1),
        Command("add", "a" * 65, ("x",)), Command("add", "a", ()), Command("add", "a", ("x" * 101,)),
        Command("add", "a", tuple(f"w{number}" for number in range(101))), Command("add", "a", ("@name",)),
    ],
)  # fmt: skip
def test_a_command_that_rest_would_refuse_is_a_dead_letter(command: Command) -> None:
    with pytest.raises(Undecodable):
        streamer._read(codec.encode(command), NOW)


def test_a_command_keeps_its_track_in_the_form_of_rest_and_has_a_time_of_now() -> None:
    assert streamer._read(codec.encode(Command("add", "a", ("#Macet", "MACET"))), NOW).track == ("macet",)
    for time in (-1, NOW + 2 * MAX_AHEAD):
        with pytest.raises(Undecodable):
            streamer._read(codec.encode(Command("add", "a", ("a",))), time)


def test_only_the_feed_of_an_active_topic_is_ever_written() -> None:
    for name in (
        "__consumer_offsets",
        FEED_PREFIX,
        f"{FEED_PREFIX}macet",
        f"{FEED_PREFIX}../x-1",
        "tweetream-commands",
    ):
        assert not is_feed(name) and not is_live(name)
    assert is_feed(FEED) and is_live(FEED)
    assert not is_live(f"{FEED_PREFIX}macet-1") and not is_live(f"{FEED_PREFIX}other-1")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../<b>"}, {"kafka_topic": "__consumer_offsets"}, {"kafka_topic": FEED + "0"},
        {"former": ("__consumer_offsets",)}, {"former": (f"{FEED_PREFIX}other-1",)},
        {"former": (FEED, "\n-feed-macet-")},
    ],
)  # fmt: skip
def test_an_entry_can_make_the_sweep_delete_nothing_but_feeds_of_its_topic(change: dict[str, Any]) -> None:
    with pytest.raises(BadTopic):
        topics_table.check(b"macet", codec.encode(msgspec.structs.replace(TOPIC, **change)))


def test_forged_counts_do_not_grow_an_entry_above_what_kafka_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    entries: dict[str, bytes] = {}
    monkeypatch.setattr(counts_table, "put", type(counts_table).put.__get__(counts_table))
    monkeypatch.setattr(type(counts_table), "__setitem__", lambda _, key, value: entries.update({FEED: value}))
    entry = Counts()
    monkeypatch.setattr(counts_table, "entry", lambda feed: entry)
    minute = NOW // 60_000
    for number in range(20):
        kinds = {f"{number}-{kind}-{'x' * 80}": 10_000 for kind in range(200)}
        counted = {FEED: {minute + 10**9: kinds} | {minute - back: kinds for back in range(70)}}
        count(CountRecord(0, NOW, number, 0, counted, counted))
    assert 0 < len(entries[FEED]) < 1_000_000
    assert len(entry.labels) <= 1000 and minute + 10**9 not in entry.minutes


def test_reports_from_outside_are_short_and_have_no_control_characters() -> None:
    statuses = SourceStatuses()
    assert not statuses.update(codec.encode(StatusReport(NOW, Status("x:\x1b[2J"))), NOW)
    assert not statuses.update(codec.encode(StatusReport(NOW, Status("x:" + "y" * 1_000_000))), NOW)
    assert not statuses.update(codec.encode(StatusReport(2**64 - 1, Status("x:"))), NOW), "it would hide all others"
    assert statuses.update(codec.encode(StatusReport(NOW, Status("x:", reason="a\x1b[2Jb" + "c" * 9999))), NOW)
    (status,) = statuses.current(["x:"], NOW)
    assert status.reason.startswith(r"a\x1b[2Jb") and len(status.reason) <= 500
    for number in range(1500):
        statuses.update(codec.encode(StatusReport(NOW, Status(f"x:{number}"))), NOW)
    assert len(statuses.current([], NOW)) == 1000
