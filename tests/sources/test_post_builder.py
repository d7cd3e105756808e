"""All parsers build posts with the same limits, and repair the same faults."""

import json

import pytest
from support.networks.formats import NOW, SKEET, TOOT, V1, read

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import MAX_TEXT
from tweetream.sources.post_builder import plain_text, post_time


@pytest.mark.parametrize(
    "when, moment",
    [
        ("2005-12-31T23:59:59Z", None),
        ("2006-01-01T00:00:00Z", 1136073600000),
        (NOW + 86_400_001, None),
        (NOW + 86_400_000, NOW + 86_400_000),
        (1_700_000_000, 1_700_000_000_000),
        ("1700000000000", 1_700_000_000_000),
        ("2019-06-04 23:12:08", 1559689928000),
        ("yesterday", None),
        ("0001-01-01T00:00:00+23:59", None),
        (float("nan"), None),
        (float("inf"), None),
        (None, None),
    ],
)
def test_a_time_that_cannot_be_true_is_unknown(when: str | float | None, moment: int | None) -> None:
    assert post_time(when, NOW) == moment


def test_a_field_that_is_too_long_is_left_out_and_an_id_or_a_text_costs_the_post() -> None:
    for name, limit in (("author", 256), ("lang", 16)):
        assert getattr(read({"text": "t", name: "a" * limit}), name) == "a" * limit
        assert getattr(read({"text": "t", name: "a" * (limit + 1)}), name) == ""
    assert read({"text": "t", "url": "https://" + "a" * 2048}).url == ""
    assert isinstance(read({"text": "t", "id": "a" * 512}), Post)
    assert read({"text": "t", "id": "a" * 513}) is Drop.MALFORMED
    assert isinstance(read({"text": "é" * (MAX_TEXT // 2)}), Post)
    assert read({"text": "é" * (MAX_TEXT // 2) + "e"}) is Drop.TOO_LONG


def test_a_link_that_would_run_a_script_in_the_page_is_left_out() -> None:
    assert read({"text": "t", "url": "javascript:alert(1)"}).url == ""
    assert read(V1 | {"user": {"screen_name": "../../evil?"}}).url.startswith("https://x.com/i/status/")
    assert read(SKEET | {"did": "did:plc:abc/../x"}) is Drop.MALFORMED


def test_common_faults_are_repaired() -> None:
    assert read(rb'{"text": "a\ud83d b\ud83d\ude00 \\ud83d \udc00"}').text == "a\ufffd b😀 \\ud83d \ufffd"
    assert read(b'{"text": "a\xff\xfe\x00\rb", "id": "x:1"}\r').text == "a\ufffd\ufffd\x00\rb"
    payload = json.dumps(TOOT | {"content": "c"}).replace('"c"', r'"c\ud83d"')
    assert read({"event": "update", "payload": payload}).text == "c\ufffd"


def test_html_of_nothing_but_brackets_takes_no_quadratic_time() -> None:
    assert plain_text("<" * 500_000) == "<" * 500_000
