"""Our own lines become posts, and no line at all makes the parser raise."""

import json
import random

import pytest
from support.networks.formats import NOW, OWN, SKEET, TOOT, TWEET, V1, read

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import Retracted
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay import plain
from tweetream.sources.replay.formats import parse


def test_our_own_retraction_comes_back() -> None:
    assert read({"retracted": "x:9"}) == Retracted("x:9")
    assert read({"retracted": ""}) is Drop.MALFORMED and read({"retracted": "x" * 513}) is Drop.MALFORMED
    assert read({"retracted": 9}) is Drop.MALFORMED


def test_our_own_events_come_back_as_they_were() -> None:
    post = read(OWN)
    assert (post.id, post.source, post.url, post.author, post.lang) == ("x:9", "x", OWN["url"], "a", "in")
    assert post.created_at == 1725911162102 and post.received_at == NOW


def test_a_plain_object_gets_the_id_of_its_line() -> None:
    assert read({"text": "halo"}) == Post("replay:f:1", "replay", "halo", None, NOW)
    assert read({"body": "halo", "text": 5, "id": 7}, column="body").text == "halo"
    assert read({"text": "halo"}, column="body") is Drop.MALFORMED
    assert read({"text": " "}) is Drop.BLANK


@pytest.mark.parametrize(
    "line",
    [b"", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"null", b"[]", b'"x"', b"{}", b"{", b'{"text":{}}']
    + [b'{"data": 5}', b'{"id_str": "abc", "text": "t"}', b'{"content": 1, "account": {}}', b'{"did": []}']
    + [b'{"text": null, "user": {}}', b'{"retweeted_status":' * 5000, b'{"event": "update"}'],
)
def test_what_no_format_has_is_malformed(line: bytes) -> None:
    assert read(line) is Drop.MALFORMED


def test_no_mutation_of_a_line_makes_it_raise() -> None:
    chance = random.Random(3)
    seeds = [
        V1,
        {"data": [TWEET] * 3},
        {"data": TWEET},
        SKEET,
        TOOT,
        {"event": "update", "payload": json.dumps(TOOT)},
        OWN,
        {"delete": {"status": {"id": 113}}},
        {"event": "delete", "payload": "113"},
        {"retracted": "x:9"},
    ]
    lines = [json.dumps(seed).encode() for seed in seeds]
    for _ in range(2000):
        line = bytearray(chance.choice(lines))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(line))
            kind = chance.randrange(3)
            if kind == 0:
                line[at] = chance.randrange(256)
            elif kind == 1:
                del line[at : at + chance.randint(1, 20)]
            else:
                line[at:at] = chance.choice([b"null", b"{", b'"', b"\\ud83d", b"1e9", b"[]", b"\x00"])
            line = line or bytearray(b"x")
        found = read(bytes(line))
        for one in found if isinstance(found, list) else [found]:
            assert isinstance(one, Drop | Retracted) or one.text.encode()


def test_the_names_of_large_objects_are_not_remembered() -> None:
    """Against a file whose every line has new names: a few hundred lines would have filled the memory."""
    at = ParseContext(NOW, "replay:posts.jsonl:1")
    for number in range(3):
        names = b"".join(b'"%d_%d":1,' % (number, field) for field in range(1000))
        before = plain._columns.cache_info().currsize
        assert isinstance(parse(b"{%b" % names + b'"text":"macet"}', at), Post)
        assert plain._columns.cache_info().currsize == before
