"""Only the text and the id of a message decide: no value of any other field costs the post."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import Decoder
from support.faults.mutations import VALUES
from support.networks.formats import NOTE, NOW, OUTBOX, OWN, SKEET, TOOT, TWEET, V1, VIEW, read

from tweetream.cli.record import line
from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.bluesky.jetstream import event_v1
from tweetream.sources.mastodon.posts import parse_status
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.repairs import decode
from tweetream.sources.replay.formats import parse
from tweetream.sources.x.messages import parse_message

USER = {"id": "7", "username": "rina"}
PAGE = {"data": [TWEET, TWEET | {"id": "43"}], "includes": {"users": [USER], "tweets": [{"id": "5", "text": "t"}]}}
# Each form with the fields that decide whether there is a post, and of which network.
FORMS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "x v1": (V1 | {"extended_tweet": {"full_text": "t"}, "retweeted_status": V1}, ("text", "id_str")),
    "x archive": ({"tweet": V1 | {"id": V1["id_str"]}}, ("tweet", "tweet.text", "tweet.id_str")),
    "x stream": (
        {"data": TWEET, "includes": PAGE["includes"], "matching_rules": [{"id": "1", "tag": "a"}]},
        ("data", "data.text", "data.id"),
    ),
    "x page": (PAGE, ("data", "data.0", "data.0.text", "data.0.id", "data.1", "data.1.text", "data.1.id")),
    "x flat": (TWEET, ("text", "id")),
    "bluesky": (
        SKEET,
        ("did", "kind", "commit", "commit.operation", "commit.collection", "commit.rkey", "commit.record")
        + ("commit.record.text",),
    ),
    "bluesky view": (VIEW, ("record", "record.text")),
    "mastodon": (TOOT | {"spoiler_text": "", "poll": {"options": [{"title": "a"}]}}, ("content", "id")),
    "misskey": (NOTE, ("text", "id", "createdAt", "userId")),
    "activitypub": (
        OUTBOX["orderedItems"][0],
        ("type", "object", "object.type", "object.content", "object.to", "object.to.0", "object.cc"),
    ),
    "ours": (OWN, ("text", "id")),
}  # fmt: skip
ODD = [value for value in VALUES if len(str(value)) < 10_000]  # a text that is too long costs the post
LIVE: dict[str, Callable[[bytes, ParseContext], object]] = {  # the parsers of the networks' streams
    "x stream": parse_message,
    "bluesky": lambda message, at: event_v1(message, at).outcome,
    "mastodon": lambda message, at: parse_status(message, at, "social.example"),
}
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def places(form: Any, path: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Each place in a form: what it is in, its key there, and its path."""
    for key, value in list(form.items() if isinstance(form, dict) else enumerate(form)):
        yield form, key, f"{path}{key}"
        if isinstance(value, dict | list):
            yield from places(value, f"{path}{key}.")


def encoded(form: object) -> bytes:
    return json.dumps(form, ensure_ascii=False).replace("Infinity", "1e999").encode("utf-8", "surrogatepass")


def posts(form: object) -> list[Any]:
    found = read(encoded(form))
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=60)
@given(data=st.data())
def test_no_value_of_an_optional_field_costs_the_post_and_a_recording_gives_it_again(name: str, data: Any) -> None:
    form, needed = FORMS[name]
    form = copy.deepcopy(form)
    for _ in range(data.draw(st.integers(1, 3))):
        optional = [(inside, key) for inside, key, path in places(form) if path not in needed]
        inside, key = data.draw(st.sampled_from(optional))
        value = copy.deepcopy(data.draw(JSON | st.sampled_from(ODD)))
        if value is not None or isinstance(inside, list) or data.draw(st.booleans()):
            inside[key] = value
        else:
            del inside[key]
    found = posts(form)
    for post in found:
        assert isinstance(post, Post), post
        assert parse(line(post), ParseContext(NOW)) == post
    if name in LIVE:
        assert isinstance(LIVE[name](encoded(form), ParseContext(NOW)), Post)


@pytest.mark.parametrize(
    "field", ["geo", "entities", "attachments", "embed", "facets", "card", "quote", "poll", "place"]
)
@settings(max_examples=30)
@given(value=JSON)
def test_no_value_of_a_field_that_is_added_costs_the_post(field: str, value: Any) -> None:
    for form in (V1, {"data": TWEET | {field: value}}, TWEET, OWN, TOOT):
        assert isinstance(posts(form if "data" in form else form | {field: value})[0], Post)
    commit = SKEET["commit"]
    record = commit["record"] | {field: value}
    assert isinstance(posts(SKEET | {"commit": commit | {"record": record}})[0], Post)


def test_the_forms_of_tweepy_of_xs_archive_and_of_mongodb_are_read() -> None:
    line = {
        "id": 1600000000000000003,
        "text": "Macet",
        "author_id": 12345678,
        "created_at": "2022-12-06 04:32:00+00:00",
    }
    post = read(line)
    assert (post.id, post.text, post.created_at) == ("x:1600000000000000003", "Macet", 1670301120000)
    archive = {"id": "1600000000000000003", "id_str": "1600000000000000003", "full_text": "Macet &amp; banjir"}
    for wrapped in (archive, {"tweet": archive}):
        assert (read(wrapped).id, read(wrapped).text) == ("x:1600000000000000003", "Macet & banjir")
    assert read(V1 | {"id_str": 1050118621198921728}) == read(V1)
    assert read(V1 | {"id_str": "not a number"}) == read(V1)
    assert read(V1 | {"created_at": 1539202764000}) == read(V1)
    number = {"$numberLong": "1050118621198921728"}
    assert read(V1 | {"id": number, "id_str": None, "created_at": {"$date": {"$numberLong": "1539202764000"}}}) == read(
        V1
    )
    assert read(V1 | {"user": {"screen_name": 12345}}).author == "12345"
    assert read({"_id": {"$oid": "5"}, "id": number, "text": "t", "author_id": number}).id == read(V1).id
    assert read({"id": {"$oid": "63a1"}, "text": "t"}).id == "replay:f:#63a1"


def test_a_language_alone_is_a_list_of_one_and_a_warning_alone_is_a_text() -> None:
    commit = SKEET["commit"]
    assert read(SKEET | {"commit": commit | {"record": commit["record"] | {"langs": "id"}}}).lang == "id"
    assert read(TOOT | {"content": None, "spoiler_text": "kecelakaan"}).text == "kecelakaan"


def test_one_bad_include_does_not_take_its_page_along() -> None:
    users = [{"id": 5, "username": []}, "x", None, {"id": 7, "username": "rina"}]
    page = {"data": [TWEET, TWEET | {"id": "43"}], "includes": {"users": users, "tweets": [{"id": "5"}, 5], "media": 1}}
    assert [(post.id, post.author) for post in read(page)] == [("x:42", "rina"), ("x:43", "rina")]
    assert [post.id for post in read(page | {"includes": "none"})] == ["x:42", "x:43"]
    stream = json.dumps({"data": TWEET, "includes": page["includes"], "errors": 5}).encode()
    found = parse_message(stream, ParseContext(NOW))
    assert isinstance(found, Post) and found.author == "rina"


def test_without_a_text_or_a_usable_id_there_is_no_post() -> None:
    for form in (V1 | {"text": 5}, V1 | {"id_str": "abc", "id": "x"}, TWEET | {"text": ["t"]}):
        assert read(form) is Drop.MALFORMED
    assert read(TWEET | {"id": 1.5}).id == "replay:f:1", "a line of a file has an id at least"
    assert read(TOOT | {"id": "../x"}) is Drop.MALFORMED and read(TOOT | {"content": 5}) is Drop.MALFORMED
    assert read(OWN | {"text": {}}) is Drop.MALFORMED


def test_a_broken_line_is_repaired_in_linear_time() -> None:
    """Against a server whose one line of 64 KiB stopped a worker for minutes: quotes without an end."""
    decoder = Decoder(dict[str, Any])
    for broken in (b"NaN" + b'\\"' * 32_000, b'NaN"' + b'\\"' * 31_000 + b"\\", b"-Infinity" + b'"' * 64_000):
        began = time.perf_counter()
        with pytest.raises(msgspec.DecodeError):
            decode(decoder, broken)
        assert time.perf_counter() - began < 1
    assert decode(decoder, rb'{"a":"\"NaN","b":NaN,"c":-Infinity}') == {"a": '"NaN', "b": None, "c": None}
