"""Each format's lines become posts with the network's ids, and no line at all makes the parser raise."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import MAX_TEXT, Retracted
from tweetream.sources.post_builder import ParseContext, claimed, plain
from tweetream.sources.replay.formats import parse

NOW = 1_800_000_000_000
V1 = {
    "created_at": "Wed Oct 10 20:19:24 +0000 2018",
    "id": 1050118621198921728,
    "id_str": "1050118621198921728",
    "text": "cut…",
    "user": {"screen_name": "rina_k", "id_str": "7"},
    "lang": "in",
}
TWEET = {"id": "42", "text": "halo", "author_id": "7", "lang": "in", "created_at": "2019-06-04T23:12:08.000Z"}
SKEET = {
    "did": "did:plc:abc",
    "time_us": 1725911162329308,
    "kind": "commit",
    "commit": {
        "rev": "3l",
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3l3qo2vuowo2b",
        "record": {"text": "hujan", "createdAt": "2024-09-09T19:46:02.102Z", "langs": ["id", "en"]},
        "cid": "b",
    },
}
TOOT = {
    "id": "113",
    "uri": "https://social.example/users/a/statuses/113",
    "url": "https://social.example/@a/113",
    "content": "<p>macet &amp; <a href='x'>banjir</a><br>lagi</p><p>dua</p>",
    "account": {"acct": "a@other.example"},
    "language": "id",
    "created_at": "2024-09-09T19:46:02.102Z",
    "reblog": None,
}
OWN = {
    "id": "x:9",
    "topic": "macet",
    "source": "x",
    "url": "https://x.com/a/status/9",
    "author": "a",
    "text": "macet",
    "lang": "in",
    "created_at": "2024-09-09T19:46:02.102Z",
    "received_at": "2024-09-09T19:46:03.000Z",
    "label": "traffic",
    "score": 0.9,
}


def read(value: Any, **options: str) -> Any:
    line = value if isinstance(value, bytes) else json.dumps(value).encode()
    found = parse(line, ParseContext(NOW, name="replay:f:1"), **options)
    return list(found) if isinstance(found, Iterator) else found


def test_x_v1_gives_the_id_the_author_the_time_and_the_url():
    post = read(V1 | {"full_text": "the whole text &amp; more"})
    assert post == Post(
        "x:1050118621198921728",
        "x",
        "the whole text & more",
        1539202764000,
        NOW,
        "https://x.com/rina_k/status/1050118621198921728",
        "rina_k",
        "in",
    )


def test_x_v1_takes_the_longest_text_and_that_of_what_it_repeats():
    assert read(V1).text == "cut…"
    assert read(V1 | {"extended_tweet": {"full_text": "long"}, "full_text": "less"}).text == "long"
    again = read(V1 | {"retweeted_status": {"text": "inner…", "extended_tweet": {"full_text": "inner whole"}}})
    assert again.text == "inner whole" and again.id == "x:1050118621198921728"


@pytest.mark.parametrize("notice", ["limit", "scrub_geo", "status_withheld", "disconnect", "warning"])
def test_notices_of_x_are_no_posts(notice):
    assert read({notice: {"status": {"id": 1}}}) is Drop.NOT_A_POST


def test_x_v1_says_which_post_was_deleted():
    status = {"id": 1050118621198921728, "id_str": "1050118621198921728", "user_id": 7, "user_id_str": "7"}
    notice = {"delete": {"status": status, "timestamp_ms": "1539202764000"}}
    assert read(notice) == Retracted("x:1050118621198921728")
    assert read({"delete": {"status": {"id": 9}}}) == Retracted("x:9")
    assert read({"delete": {"favorite": {"tweet_id": 9}}}) is Drop.NOT_A_POST
    for wrong in ({"id_str": "../9"}, {"id": -1}, {}, {"id": "9"}):
        assert read({"delete": {"status": wrong}}) is Drop.MALFORMED
    assert read({"delete": 5}) is Drop.MALFORMED


def test_a_capture_of_mastodon_says_which_of_its_posts_was_deleted():
    at = ParseContext(NOW, suffix="~2")
    gone = json.dumps({"event": "delete", "payload": "113"}).encode()
    assert parse(gone, at) is Drop.NOT_A_POST  # its server is not known
    parse(json.dumps(TOOT).encode(), at)
    assert parse(gone, at) == Retracted("mastodon:social.example/113")
    for number in range(20_000):
        parse(json.dumps(TOOT | {"id": str(number + 1000)}).encode(), at)
    assert parse(gone, at) is Drop.NOT_A_POST and len(at.statuses) == 10_000


def test_a_stream_of_mastodon_as_curl_keeps_it_is_read_line_by_line():
    at = ParseContext(NOW)
    toot = json.dumps(TOOT).encode()
    lines = [b":)", b"event: update", b"data: " + toot, b":thump", b"event: delete", b"data: 113", b"data: 114"]
    found = [parse(line, at) for line in lines]
    assert found[2].id == "mastodon:social.example/113" and found[5] == Retracted("mastodon:social.example/113")
    assert {found[n] for n in (0, 1, 3, 4, 6)} == {Drop.NOT_A_POST}
    assert read(b"data: data: {}") is Drop.NOT_A_POST and read(b"data: {") is Drop.MALFORMED


def test_our_own_word_that_a_post_was_deleted_comes_back():
    assert read({"retracted": "x:9"}) == Retracted("x:9")
    assert read({"retracted": ""}) is Drop.MALFORMED and read({"retracted": "x" * 513}) is Drop.MALFORMED
    assert read({"retracted": 9}) is Drop.MALFORMED


def test_x_v2_of_a_stream_finds_its_author_and_its_long_text():
    line = {
        "data": TWEET | {"note_tweet": {"text": "panjang"}},
        "includes": {"users": [{"id": "7", "username": "rina"}]},
    }
    post = read(line)
    assert (post.id, post.text, post.author) == ("x:42", "panjang", "rina")
    assert post.url == "https://x.com/rina/status/42" and post.created_at == 1559689928000
    assert read({"data": TWEET}).url == "https://x.com/i/status/42"


def test_x_v2_expands_what_it_repeats():
    quote = {"referenced_tweets": [{"type": "retweeted", "id": "5"}]}
    line = {"data": TWEET | quote, "includes": {"tweets": [{"id": "5", "text": "c…", "note_tweet": {"text": "whole"}}]}}
    assert read(line).text == "whole"
    flat = TWEET | {
        "author": {"username": "rina"},
        "referenced_tweets": [{"type": "retweeted", "id": "5", "text": "t"}],
    }
    assert (read(flat).text, read(flat).author) == ("t", "rina")
    assert read({"data": TWEET | quote}).text == "halo"


def test_a_page_of_x_gives_each_post_and_a_bad_one_does_not_take_the_others_with_it():
    page = {"data": [TWEET, {"id": 5}, TWEET | {"id": "43"}], "includes": {"users": [{"id": "7", "username": "r"}]}}
    first, bad, last = read(page)
    assert (first.id, bad, last.id, last.author) == ("x:42", Drop.MALFORMED, "x:43", "r")
    assert read({"data": [], "meta": {"result_count": 0}}) is Drop.NOT_A_POST
    assert read({"errors": [{"title": "operational-disconnect"}]}) is Drop.NOT_A_POST


def test_bluesky_gives_posts_created_and_nothing_else():
    post = read(SKEET)
    assert (post.id, post.source, post.lang) == ("at://did:plc:abc/app.bsky.feed.post/3l3qo2vuowo2b", "bluesky", "id")
    assert post.url == "https://bsky.app/profile/did:plc:abc/post/3l3qo2vuowo2b" and post.created_at == 1725911162102
    gone = {"operation": "delete", "collection": "app.bsky.feed.post", "rkey": "3l", "rev": "x"}
    like = SKEET["commit"] | {"collection": "app.bsky.feed.like", "record": {"subject": {}}}
    for other in ({"kind": "identity"}, {"kind": "account"}, {"commit": like}):
        assert read(SKEET | other) is Drop.NOT_A_POST
    assert read(SKEET | {"commit": gone}) == Retracted("at://did:plc:abc/app.bsky.feed.post/3l")
    assert read(SKEET | {"commit": SKEET["commit"] | {"operation": "update"}}) is Drop.EDITED
    assert read(SKEET | {"commit": SKEET["commit"] | {"record": {"text": 5}}}) is Drop.MALFORMED


def test_bluesky_in_version_2_gives_the_same():
    kind = "network.bsky.jetstream.subscribeEvents#"
    commit = SKEET["commit"] | {"$type": kind + "commit", "did": SKEET["did"], "seq": 7}
    assert read({"$type": "message", "payload": commit}) == read(SKEET)
    account = {"$type": kind + "account", "did": SKEET["did"], "seq": 8, "account": {"active": True}}
    assert read({"$type": "message", "payload": account}) is Drop.NOT_A_POST
    assert read({"$type": "error", "error": "ConsumerTooSlow", "payload": {"$type": "x"}}) is Drop.NOT_A_POST
    assert read({"text": "halo", "payload": {}}).text == "halo"


def test_mastodon_gives_text_without_html_from_a_status_or_an_event():
    for line in (TOOT, {"event": "update", "payload": json.dumps(TOOT)}, {"event": "update", "payload": TOOT}):
        post = read(line)
        assert (post.id, post.text) == ("mastodon:social.example/113", "macet & banjir\nlagi\ndua")
        assert (post.author, post.url, post.lang) == ("a@other.example", "https://social.example/@a/113", "id")
    assert read({"event": "status.update", "payload": json.dumps(TOOT)}) is Drop.EDITED
    assert read({"event": "filters_changed"}) is Drop.NOT_A_POST
    assert read(TOOT | {"spoiler_text": "kecelakaan", "content": "<p>di tol</p>"}).text == "kecelakaan\n\ndi tol"
    assert read(TOOT | {"spoiler_text": "kecelakaan", "content": ""}).text == "kecelakaan"
    assert read(TOOT | {"content": "", "reblog": TOOT | {"content": "<p>lain</p>"}}).text == "lain"


def test_our_own_events_come_back_as_they_were():
    post = read(OWN)
    assert (post.id, post.source, post.url, post.author, post.lang) == ("x:9", "x", OWN["url"], "a", "in")
    assert post.created_at == 1725911162102 and post.received_at == NOW


def test_a_plain_object_gets_the_id_of_its_line():
    assert read({"text": "halo"}) == Post("replay:f:1", "replay", "halo", NOW, NOW)
    assert read({"body": "halo", "text": 5, "id": 7}, column="body").text == "halo"
    assert read({"text": "halo"}, column="body") is Drop.MALFORMED
    assert read({"text": " "}) is Drop.BLANK


@pytest.mark.parametrize(
    "when, moment",
    [
        ("2005-12-31T23:59:59Z", NOW),
        ("2006-01-01T00:00:00Z", 1136073600000),
        (NOW + 86_400_001, NOW),
        (NOW + 86_400_000, NOW + 86_400_000),
        (1_700_000_000, 1_700_000_000_000),
        ("1700000000000", 1_700_000_000_000),
        ("2019-06-04 23:12:08", 1559689928000),
        ("yesterday", NOW),
        ("0001-01-01T00:00:00+23:59", NOW),
        (float("nan"), NOW),
        (float("inf"), NOW),
        (None, NOW),
    ],
)
def test_a_time_nobody_can_believe_is_replaced_by_that_of_arrival(when, moment):
    assert claimed(when, NOW) == moment


def test_fields_too_long_for_any_network_are_refused_and_long_texts_counted_apart():
    for name, limit in (("author", 256), ("lang", 16), ("id", 512)):
        assert isinstance(read({"text": "t", name: "a" * limit}), Post)
        assert read({"text": "t", name: "a" * (limit + 1)}) is Drop.MALFORMED
    assert read({"text": "t", "url": "https://" + "a" * 2048}) is Drop.MALFORMED
    assert isinstance(read({"text": "é" * (MAX_TEXT // 2)}), Post)
    assert read({"text": "é" * (MAX_TEXT // 2) + "e"}) is Drop.TOO_LONG


def test_a_link_that_would_run_a_script_in_the_page_is_left_out():
    assert read({"text": "t", "url": "javascript:alert(1)"}).url == ""
    assert read(V1 | {"user": {"screen_name": "../../evil?"}}).url.startswith("https://x.com/i/status/")
    assert read(SKEET | {"did": "did:plc:abc/../x"}) is Drop.MALFORMED


def test_faults_that_many_writers_make_are_mended():
    assert read(rb'{"text": "a\ud83d b\ud83d\ude00 \\ud83d \udc00"}').text == "a\ufffd b😀 \\ud83d \ufffd"
    assert read(b'{"text": "a\xff\xfe\x00\rb", "id": "x:1"}\r').text == "a\ufffd\ufffd\x00\rb"
    payload = json.dumps(TOOT | {"content": "c"}).replace('"c"', r'"c\ud83d"')
    assert read({"event": "update", "payload": payload}).text == "c\ufffd"


@pytest.mark.parametrize(
    "line",
    [b"", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"null", b"[]", b'"x"', b"{}", b"{", b'{"text":{}}']
    + [b'{"data": 5}', b'{"id_str": "abc", "text": "t"}', b'{"content": 1, "account": {}}', b'{"did": []}']
    + [b'{"uri": "https://[", "content": "a", "account": {"acct": "a"}, "id": 1}', b'{"text": null, "user": {}}']
    + [b'{"retweeted_status":' * 5000, b'{"event": "update"}', b'{"created_at": 1e999, "text": "t"}'],
)
def test_what_no_format_has_is_malformed(line):
    assert read(line) is Drop.MALFORMED


def test_html_of_nothing_but_brackets_takes_no_quadratic_time():
    assert plain("<" * 500_000) == "<" * 500_000


def test_no_mutation_of_a_line_makes_it_raise():
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
