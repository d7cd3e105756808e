"""A JSON document is read value by value, wherever its pieces end; a bad value costs only itself."""

import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import SourceError
from tweetream.sources.replay import json_values
from tweetream.sources.replay.json_values import is_document, values
from tweetream.sources.replay.source import Replay

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=4)


def read(document: bytes, size: int = 50) -> list[bytes]:
    pieces = iter([document[at : at + size] for at in range(0, len(document), size)])
    return [value for value in values("a.json", pieces) if value is not None]


@settings(max_examples=60)
@given(OBJECTS, st.integers(1, 60), st.sampled_from([None, 1]), st.booleans())
def test_the_values_of_an_array_come_out_as_they_were(
    objects: list[dict[str, object]], size: int, indent: int | None, ascii: bool
) -> None:
    document = json.dumps(objects, indent=indent, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    assert [json.loads(value.decode("utf-8", "surrogatepass")) for value in read(document, size)] == objects
    lines = "\n".join(json.dumps(value, indent=2) for value in objects).encode()
    assert [json.loads(value) for value in read(lines, size)] == objects


def test_what_is_no_json_in_a_value_costs_nothing_else() -> None:
    document = b'[{"n": NaN}, {"t": "\xff"}, {"t": "a\tb"}, 5, {"t": "\\ud83d"}, {"t": "]}"}]'
    assert len(read(document)) == 6


def test_an_archive_of_x_is_an_array_behind_a_name() -> None:
    for name in ("window.YTD.tweets.part0 =", "window.YTD.tweet.part12=", "var posts = ", 'window["YTD"] = '):
        assert read(name.encode() + b' [ {"tweet": {"id": "1"}} ]', 1000) == [b'{"tweet": {"id": "1"}}']
        assert is_document(name.encode() + b"[")


def test_a_document_is_told_from_lines() -> None:
    for document in (b'[{"a": 1}]', b" \n[\n", b'{\n  "a": 1\n}\n', b'{"a": 1,\n "b": 2}\n', b'\xef\xbb\xbf[{"a"'):
        assert is_document(document)
    for lines in (b'{"a": 1}\n{"b": 2}\n', b'{"text": "cut,\n{"text": "b"}\n', b"data: {}\n", b"", b'{"a": 1}'):
        assert not is_document(lines)


def test_a_document_that_ends_early_says_so_after_its_values() -> None:
    for document in (b'[{"a": 1}, {"b"', b'[{"a": 1}', b'{\n"a": {'):
        with pytest.raises(SourceError, match="ends in the middle") as error:
            read(document)
        assert str(error.value).startswith("a.json: ")


def test_a_value_that_is_too_long_is_skipped_and_a_text_without_end_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document must not fill the memory."""
    monkeypatch.setattr(json_values, "MAX_VALUE", 1000)
    long = {"many": [{"a": "b"}] * 1000}
    assert read(json.dumps([{"a": 1}, long, {"b": 2}]).encode()) == [b'{"a": 1}', b"", b'{"b": 2}']
    monkeypatch.setattr(json_values, "_MAX_STRETCH", 1000)
    with pytest.raises(SourceError, match="delete it"):
        read(b'[{"a": 1}, {"t": "' + b"x" * 10_000)


def test_memory_is_that_of_one_value() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"["
        for number in range(3000):
            yield b'%s{"id": %d, "text": "%s"}' % (b"," if number else b"", number, b"x" * 5000)
        yield b"]"

    tracemalloc.start()
    assert sum(value is not None for value in values("a.json", pieces())) == 3000
    assert tracemalloc.get_traced_memory()[1] < 500_000
    tracemalloc.stop()


async def test_a_page_of_twarc_with_500_posts_is_500_posts(tmp_path: Path) -> None:
    chance = random.Random(5)
    tweets = [{"id": str(10**18 + n), "text": f"macet {n} " + "x" * 2000, "author_id": "7"} for n in range(500)]
    users = [{"id": "7", "username": "rina", "description": chance.randbytes(100_000).hex()}]
    page = json.dumps({"data": tweets, "includes": {"users": users}, "meta": {"result_count": 500}})
    assert len(page) > 1_200_000
    path = tmp_path / "a.jsonl"
    for text in (page + "\n", json.dumps([json.loads(page)]), json.dumps(json.loads(page), indent=1)):
        path.write_text(text)
        posts: list[Post] = []
        async for chunk in Replay(f"replay:{path}?rate=0").chunks(None):
            assert not chunk.dropped
            posts += chunk.posts
        assert [post.id for post in posts] == [f"x:{tweet['id']}" for tweet in tweets]
        assert {post.author for post in posts} == {"rina"}


async def test_a_single_post_keeps_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "x" * 5_000_000}) + "\n" + json.dumps({"text": "macet"}) + "\n")
    chunks = [chunk async for chunk in Replay(f"replay:{path}?rate=0").chunks(None)]
    assert sum((chunk.dropped for chunk in chunks), start=chunks[0].dropped.__class__()) == {Drop.TOO_LONG: 1}
    assert [post.text for chunk in chunks for post in chunk.posts] == ["macet"]


def test_lines_with_a_comma_between_them_are_a_document_and_a_broken_line_is_none() -> None:
    assert is_document(b'{"text": "a"},\n{"text": "b"},\n')
    assert not is_document(b'{"text": "a", "user": {},\n{"text": "b"}\n')
    assert list(values("f", iter([b'{"text": "a"},\n{"text": "b"},\n']))) == [b'{"text": "a"}', b'{"text": "b"}']
