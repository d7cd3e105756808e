"""Bytes in Kafka: an encoded struct decodes to the same, and any other bytes are a dead letter at most."""

import contextlib
import json
import random
import time

import msgspec
import pytest

from tweetream.models import codec
from tweetream.models.codec import TooNew, Undecodable, decode, encode, json_line
from tweetream.models.command import Command
from tweetream.models.counts import CountRecord, Counts
from tweetream.models.post import Post, PostBatch, TaggedBatch, TaggedPost
from tweetream.models.topic import Topic

TEXT = 'macet \U0001f697 \u2028\u2029 nul \x00 cr \r lf \n tab \t \x7f \x1b "quoted" \\ jalan é \U0010ffff'
POST = Post("x:1", "x", TEXT, 1, 2, "https://x.com/1", "kurir", "id")
VALUES = [
    PostBatch(
        7, 3, -1, {"replay:a": "12"}, [POST, Post("x:2", "x", "", -1, 2), Post("x:3", "x", "t", None, 2, also="a")]
    ),
    PostBatch(2**63, 0, 5, {}, []),
    TaggedBatch(7, 3, 9, ["t-feed-a-1"], [TaggedPost(199, POST, "macet", (0,))]),
    Topic("macet", ("macet", "macet total"), 1, 2, "t-feed-macet-2", 3, 4),
    Command("add", "macet", ("macet",), missing=True),
    Command("forget", "macet", generation=5),
    CountRecord(0, 1, 2, 3, {"t-feed-a-1": {29_000_000: {"traffic": 2}}}),
    Counts({"traffic": 2}, {29_000_000: {"traffic": 2}}, {7: (1, 2, 3)}),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_an_encoded_struct_decodes_to_the_same(value: object) -> None:
    data = encode(value)
    assert data[0] == codec.VERSION
    assert decode(data, type(value)) == value


def test_a_newer_version_stops_the_reader_and_says_so() -> None:
    newer = bytes([codec.VERSION + 1]) + encode(VALUES[0])[1:]
    with pytest.raises(TooNew, match=f"version {codec.VERSION + 1}.*upgrade"):
        decode(newer, PostBatch)


def test_a_newer_version_is_recognised_before_its_body_is_read() -> None:
    with pytest.raises(TooNew):
        decode(bytes([codec.VERSION + 1]) + b"\xc1 a body of another kind", PostBatch)


@pytest.mark.parametrize(
    "junk",
    [None, b"", b"\x00", b'{"text": "hi"}', b"hello", bytes([codec.VERSION]), b"\xff" + encode(VALUES[0])[1:]],
    ids=["none", "empty", "zero", "json", "text", "version alone", "far version"],
)
def test_a_foreign_record_is_undecodable(junk: bytes | None) -> None:
    with pytest.raises(Undecodable):
        decode(junk, PostBatch)


def test_another_struct_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        decode(encode(Counts()), PostBatch)


def test_a_command_of_an_unknown_action_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        decode(bytes([codec.VERSION]) + msgspec.msgpack.encode({"action": "drop", "name": "a"}), Command)


def test_a_text_that_is_no_utf8_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        decode(encode(VALUES[0]).replace(b"macet", b"mac\xff\xfe"), PostBatch)


def test_bytes_after_the_struct_are_undecodable() -> None:
    with pytest.raises(Undecodable):
        decode(encode(VALUES[0]) + b"\x00", PostBatch)


@pytest.mark.parametrize("length", [b"\xdd", b"\xdf", b"\xdb", b"\xc6"])
def test_a_false_length_takes_no_memory(length: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(encode(PostBatch(1, 1, 1, {}, []))[:-1] + length + b"\xff\xff\xff\xff", PostBatch)


def test_random_bytes_raise_nothing_but_undecodable_or_too_new() -> None:
    chance = random.Random(3)
    good = [encode(value) for value in VALUES]
    for _ in range(4000):
        base = bytearray(chance.choice(good)) if chance.random() < 0.7 else bytearray(chance.randbytes(40))
        for _ in range(chance.randint(1, 6)):
            base[chance.randrange(len(base))] = chance.randrange(256)
        data = bytes(base[: chance.randint(1, len(base))])
        for type_ in {type(value) for value in VALUES}:
            with contextlib.suppress(Undecodable, TooNew):
                assert isinstance(decode(data, type_), type_)


class Line(msgspec.Struct):
    text: str


def test_a_json_line_is_one_line_of_ascii_that_reads_back_the_same() -> None:
    line = json_line(Line(TEXT))
    assert line.isascii() and not set(line) & set(b"\n\r\x00")
    assert len(line.splitlines()) == 1 and len(line.decode().splitlines()) == 1
    assert json.loads(line) == {"text": TEXT}


def test_every_character_survives_a_json_line() -> None:
    text = "".join(chr(i) for i in (*range(0xD800), *range(0xE000, 0x11000), 0x1F697, 0x10FFFF))
    line = json_line(Line(text))
    assert line.isascii() and b"\n" not in line and b"\r" not in line
    assert json.loads(line)["text"] == text


def test_a_character_above_u_ffff_is_a_pair_of_escapes() -> None:
    assert json_line(Line("\U0001f697é")) == rb'{"text":"\ud83d\ude97\u00e9"}'


def test_a_text_is_escaped_in_one_way_whatever_stands_beside_it() -> None:
    """Ids are looked for in lines as they are written alone."""
    text = "".join(map(chr, range(0x80)))
    assert json_line(text)[1:-1] in json_line([text, "é"])


def test_a_line_of_64_kib_in_other_letters_takes_no_time() -> None:
    """Stops posts that hold the loop, of 45 ms each when every run of such letters was escaped by a call."""
    line, began = Line("aé" * 21_845), time.thread_time()
    for _ in range(10):
        json_line(line)
    assert time.thread_time() - began < 0.1


def test_a_record_nested_without_end_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        decode(b"\x01\x96\x01\x01\x01\x80\x90" + b"\x91" * 100_000, PostBatch)
