"""Lines that X, Bluesky and Mastodon write become posts with the networks' ids."""

import json

import pytest
from support.networks.formats import NOW, SKEET, TOOT, TWEET, V1, read

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import Retracted
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.formats import parse


def test_x_v1_gives_the_id_the_author_the_time_and_the_url() -> None:
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


def test_x_v1_takes_the_longest_text_and_that_of_a_retweeted_post() -> None:
    assert read(V1).text == "cut…"
    assert read(V1 | {"extended_tweet": {"full_text": "long"}, "full_text": "less"}).text == "long"
    again = read(V1 | {"retweeted_status": {"text": "inner…", "extended_tweet": {"full_text": "inner whole"}}})
    assert again.text == "inner whole" and again.id == "x:1050118621198921728"


@pytest.mark.parametrize("notice", ["limit", "scrub_geo", "status_withheld", "disconnect", "warning"])
def test_notices_of_x_are_no_posts(notice: str) -> None:
    assert read({notice: {"status": {"id": 1}}}) is Drop.NOT_A_POST


def test_x_v1_says_which_post_was_deleted() -> None:
    status = {"id": 1050118621198921728, "id_str": "1050118621198921728", "user_id": 7, "user_id_str": "7"}
    notice = {"delete": {"status": status, "timestamp_ms": "1539202764000"}}
    assert read(notice) == Retracted("x:1050118621198921728")
    assert read({"delete": {"status": {"id": 9}}}) == Retracted("x:9")
    assert read({"delete": {"favorite": {"tweet_id": 9}}}) is Drop.NOT_A_POST
    for wrong in ({"id_str": "../9"}, {"id": -1}, {}, {"id": "9"}):
        assert read({"delete": {"status": wrong}}) is Drop.MALFORMED
    assert read({"delete": 5}) is Drop.MALFORMED


def test_a_capture_of_mastodon_says_which_of_its_posts_was_deleted() -> None:
    at = ParseContext(NOW, suffix="~2")
    gone = json.dumps({"event": "delete", "payload": "113"}).encode()
    assert parse(gone, at) is Drop.NOT_A_POST  # its server is not known
    parse(json.dumps(TOOT).encode(), at)
    assert parse(gone, at) == Retracted("mastodon:social.example/113")
    for number in range(20_000):
        parse(json.dumps(TOOT | {"id": str(number + 1000)}).encode(), at)
    assert parse(gone, at) is Drop.NOT_A_POST and len(at.statuses) == 10_000


def test_a_stream_of_mastodon_as_curl_keeps_it_is_read_line_by_line() -> None:
    at = ParseContext(NOW)
    toot = json.dumps(TOOT).encode()
    lines = [b":)", b"event: update", b"data: " + toot, b":thump", b"event: delete", b"data: 113", b"data: 114"]
    found = [parse(line, at) for line in lines]
    assert isinstance(found[2], Post) and found[2].id == "mastodon:social.example/113"
    assert found[5] == Retracted("mastodon:social.example/113")
    assert {found[n] for n in (0, 1, 3, 4, 6)} == {Drop.NOT_A_POST}
    assert read(b"data: data: {}") is Drop.NOT_A_POST and read(b"data: {") is Drop.MALFORMED


def test_x_v2_of_a_stream_finds_its_author_and_its_long_text() -> None:
    line = {
        "data": TWEET | {"note_tweet": {"text": "panjang"}},
        "includes": {"users": [{"id": "7", "username": "rina"}]},
    }
    post = read(line)
    assert (post.id, post.text, post.author) == ("x:42", "panjang", "rina")
    assert post.url == "https://x.com/rina/status/42" and post.created_at == 1559689928000
    assert read({"data": TWEET}).url == "https://x.com/i/status/42"


def test_x_v2_takes_the_whole_text_of_a_retweeted_post() -> None:
    quote = {"referenced_tweets": [{"type": "retweeted", "id": "5"}]}
    line = {"data": TWEET | quote, "includes": {"tweets": [{"id": "5", "text": "c…", "note_tweet": {"text": "whole"}}]}}
    assert read(line).text == "whole"
    flat = TWEET | {
        "author": {"username": "rina"},
        "referenced_tweets": [{"type": "retweeted", "id": "5", "text": "t"}],
    }
    assert (read(flat).text, read(flat).author) == ("t", "rina")
    assert read({"data": TWEET | quote}).text == "halo"


def test_a_page_of_x_gives_each_post_and_a_bad_one_does_not_take_the_others_with_it() -> None:
    page = {"data": [TWEET, {"id": 5}, TWEET | {"id": "43"}], "includes": {"users": [{"id": "7", "username": "r"}]}}
    first, bad, last = read(page)
    assert (first.id, bad, last.id, last.author) == ("x:42", Drop.MALFORMED, "x:43", "r")
    assert read({"data": [], "meta": {"result_count": 0}}) is Drop.NOT_A_POST
    assert read({"errors": [{"title": "operational-disconnect"}]}) is Drop.NOT_A_POST


def test_bluesky_gives_posts_created_and_nothing_else() -> None:
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


def test_bluesky_in_version_2_gives_the_same() -> None:
    kind = "network.bsky.jetstream.subscribeEvents#"
    commit = SKEET["commit"] | {"$type": kind + "commit", "did": SKEET["did"], "seq": 7}
    assert read({"$type": "message", "payload": commit}) == read(SKEET)
    account = {"$type": kind + "account", "did": SKEET["did"], "seq": 8, "account": {"active": True}}
    assert read({"$type": "message", "payload": account}) is Drop.NOT_A_POST
    assert read({"$type": "error", "error": "ConsumerTooSlow", "payload": {"$type": "x"}}) is Drop.NOT_A_POST
    assert read({"text": "halo", "payload": {}}).text == "halo"


def test_mastodon_gives_text_without_html_from_a_status_or_an_event() -> None:
    for line in (TOOT, {"event": "update", "payload": json.dumps(TOOT)}, {"event": "update", "payload": TOOT}):
        post = read(line)
        assert (post.id, post.text) == ("mastodon:social.example/113", "macet & banjir\nlagi\ndua")
        assert (post.author, post.url, post.lang) == ("a@other.example", "https://social.example/@a/113", "id")
    assert read({"event": "status.update", "payload": json.dumps(TOOT)}) is Drop.EDITED
    assert read({"event": "filters_changed"}) is Drop.NOT_A_POST
    assert read(TOOT | {"spoiler_text": "kecelakaan", "content": "<p>di tol</p>"}).text == "kecelakaan\n\ndi tol"
    assert read(TOOT | {"spoiler_text": "kecelakaan", "content": ""}).text == "kecelakaan"
    assert read(TOOT | {"content": "", "reblog": TOOT | {"content": "<p>lain</p>"}}).text == "lain"
