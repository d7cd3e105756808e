"""The JSON of a feed, stamps, and positions, which are parsed strictly."""

import random
import struct
from datetime import UTC, datetime

import msgspec
import pytest

from tweetream.models.codec import json_line
from tweetream.models.feed import (
    BadPosition,
    FeedEntry,
    Position,
    Stamp,
    base36,
    event_line,
    parse_positions,
    rfc3339,
)
from tweetream.models.post import Post


def test_a_stamp_comes_back_the_same() -> None:
    for stamp in (Stamp(0, 0, 0, 0), Stamp(999, 2**63, 2**40, 199), Stamp(2**16 - 1, 2**64 - 1, 2**64 - 1, 1)):
        assert Stamp.unpack(stamp.pack()) == stamp


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 21, b"x" * 23])
def test_bytes_of_another_length_are_no_stamp(data: bytes) -> None:
    with pytest.raises(struct.error):
        Stamp.unpack(data)


def test_stamps_of_a_partition_are_in_the_order_of_epoch_sequence_and_index() -> None:
    ordered = [Stamp(0, 1, 1, 0), Stamp(0, 1, 1, 1), Stamp(0, 1, 2, 0), Stamp(0, 2, 1, 0), Stamp(0, 10, 0, 0)]
    assert sorted(random.Random(1).sample(ordered, len(ordered))) == ordered
    assert sorted(stamp.pack() for stamp in ordered) == [stamp.pack() for stamp in ordered]


def test_positions_come_back_the_same() -> None:
    positions = [Position("macet", "m8x2k1", 0), Position("a-b_c", "0", 2**63 - 1), Position("new", "1", -1)]
    assert list(parse_positions(",".join(map(str, positions))).values()) == positions
    assert [str(position) for position in positions[::2]] == ["macet@m8x2k1:0", "new@1:00"]


@pytest.mark.parametrize(
    "text",
    [
        "", ",", "macet", "macet@1", "macet@1:", "@1:1", "macet@:1", "macet@1:-1", "macet@1:+1", "macet@1:1.0",
        "macet@1:1,", ",macet@1:1", "macet@1:1 ", " macet@1:1", "macet@1:1\n", "Macet@1:1", "macet@A:1", "macet@1:0x1",
        "macet@1:1_0", "macet@1:\u0661", "macet@1:\uff11", "-macet@1:1", "é@1:1", f"macet@1:{2**63}",
        "macet@1:" + "9" * 20, "a" * 65 + "@1:1", "macet@" + "1" * 14 + ":1", "macet@1:1;lancar@1:1",
        "9" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_a_bad_position(text: str) -> None:
    with pytest.raises(BadPosition) as error:
        parse_positions(text)
    assert len(str(error.value)) < 1000 and len(str(error.value).splitlines()) == 1


def test_base36_is_what_int_reads() -> None:
    for number in [0, 1, 35, 36, 37, 1295, 1296, 1_764_000_000_000, 2**63]:
        assert int(base36(number), 36) == number
        assert base36(number) == base36(number).lower()
    assert base36(0) == "0" and base36(36) == "10"


def test_times_are_rfc_3339_in_utc_with_milliseconds() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert rfc3339(10**20) == "9999-12-31T23:59:59.999Z"
    assert rfc3339(-(10**20)) == "1000-01-01T00:00:00.000Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"
    chance = random.Random(2)
    for ms in (chance.randrange(-(2**40), 2**42) for _ in range(500)):
        moment = datetime.fromisoformat(rfc3339(ms))
        assert moment.tzinfo == UTC and round(moment.timestamp() * 1000) == ms


def test_an_event_has_its_fields_in_the_documented_order() -> None:
    post = Post("x:1", "x", "macet\r\n", 1_700_000_000_000, 1_700_000_000_250, "https://x.com/1", "kurir", "id")
    line = event_line(post, "macet", "traffic", 0.1235)
    assert line == (
        rb'{"id":"x:1","topic":"macet","source":"x","url":"https://x.com/1","author":"kurir","text":"macet\r\n",'
        rb'"lang":"id","created_at":"2023-11-14T22:13:20.000Z","received_at":"2023-11-14T22:13:20.250Z",'
        rb'"label":"traffic","score":0.1235}'
    )
    untimed = Post("x:1", "x", "macet", None, 1_700_000_000_250)
    assert b'"created_at":null,"received_at":"2023-' in event_line(untimed, "macet", "traffic", 0.5)
    assert FeedEntry.__struct_fields__[0] == "id"


def test_the_line_of_an_event_has_the_bytes_that_the_codec_would_give_it() -> None:
    chance = random.Random(3)

    def text() -> str:
        return "".join(chance.choices('a"\\/\0\n\r\x7f\x1f\u2028\u00e9\U0001f697u07', k=chance.randrange(12)))

    for score in (None, *(number / 10_000 for number in range(0, 10_001, 7))):
        created = chance.choice([None, chance.randrange(2**41)])
        post = Post(text(), text(), text(), created, chance.randrange(2**41), text(), text(), text())
        line = event_line(post, "macet", None if score is None else text(), score)
        assert line == json_line(msgspec.json.decode(line, type=FeedEntry))
