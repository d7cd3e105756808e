"""Forms that no stream has become posts too: those of APIs, of users' own archives, and of repositories."""

import json
from typing import Any

import pytest
from support.networks.formats import NOTE, NOW, OUTBOX, SKEET, VIEW, read

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.formats import parse

ADDRESS = VIEW["uri"]
RECORD = {"$type": "app.bsky.feed.post"} | VIEW["record"]


def test_the_archive_of_mastodon_gives_its_public_posts() -> None:
    post, boost = read(OUTBOX)
    assert post == Post(
        "mastodon:social.example/113",
        "mastodon",
        "macet & banjir\n\n#macet",
        1725911162000,
        NOW,
        "https://social.example/@a/113",
        "a@social.example",
        "id",
        "foto jalan",
    )
    assert boost is Drop.NOT_A_POST
    activity = OUTBOX["orderedItems"][0]
    assert read(activity) == read(activity["object"]) == post


def test_what_an_archive_holds_for_followers_or_one_person_is_no_post() -> None:
    activity = OUTBOX["orderedItems"][0]
    for to in (["https://social.example/users/a/followers"], ["https://b.example/users/b"]):
        private = activity | {"object": activity["object"] | {"to": to, "cc": []}}
        assert read(private) is Drop.NOT_A_POST
    unlisted = activity["object"] | {"to": to, "cc": ["as:Public"]}
    assert isinstance(read(unlisted), Post)
    assert read(NOTE | {"visibility": "followers"}) is Drop.NOT_A_POST


def test_a_page_of_activities_gives_each_and_a_bad_one_costs_only_itself() -> None:
    activity = OUTBOX["orderedItems"][0]
    page = OUTBOX | {
        "orderedItems": [{"type": "Create", "object": {"type": "Note"}}, "https://b.example/1", 5, activity]
    }
    assert [getattr(found, "id", found) for found in read(page)] == [
        *(Drop.MALFORMED, Drop.NOT_A_POST, Drop.NOT_A_POST),
        "mastodon:social.example/113",
    ]
    assert read(OUTBOX | {"orderedItems": []}) is Drop.NOT_A_POST


def test_bluesky_gives_the_same_post_by_its_api_as_by_its_stream() -> None:
    live = read(SKEET)
    view = read(VIEW)
    assert (view.id, view.created_at, view.lang) == (live.id, live.created_at, live.lang)
    assert (view.author, view.url) == ("rina.example", "https://bsky.app/profile/rina.example/post/3l3qo2vuowo2b")
    assert view.text == "hujan\n\n@b.example: macet"
    assert read({"posts": [VIEW, VIEW]}) == [view, view]
    feed = {"feed": [{"post": VIEW, "reason": {"$type": "app.bsky.feed.defs#reasonRepost"}}], "cursor": "x"}
    assert read(feed) == [view] and read(feed["feed"][0]) == view


def test_records_of_a_repository_are_posts_with_or_without_their_address() -> None:
    listed = {
        "records": [
            {"uri": ADDRESS, "cid": "b", "value": RECORD},
            {"uri": ADDRESS.replace("post", "like"), "value": {}},
        ]
    }
    post, like = read(listed)
    assert post == read(SKEET) and like is Drop.NOT_A_POST
    alone = read(RECORD)
    assert (alone.id, alone.source, alone.url, alone.author) == ("replay:f:1", "bluesky", "", "")
    assert alone.text == post.text and alone.created_at == post.created_at


def test_a_note_of_misskey_is_a_post() -> None:
    post = read(NOTE)
    assert post == Post("misskey:9x1", "misskey", NOTE["text"], 1725911162102, NOW, "", "rina", "", "foto banjir")
    remote = NOTE | {"uri": "https://mi.example/notes/9x1", "user": {"username": "rina", "host": "mi.example"}}
    assert (read(remote).id, read(remote).author) == ("misskey:mi.example/9x1", "rina@mi.example")
    exported: dict[str, Any] = {
        "id": "9x2",
        "text": "banjir",
        "createdAt": "2024-09-09T19:46:02.102Z",
        "fileIds": [],
        "renoteId": None,
        "cw": None,
    }
    assert (read(exported).id, read(exported).text) == ("misskey:9x2", "banjir")


def test_xs_archive_has_each_post_in_a_wrapper() -> None:
    tweet = {
        "id_str": "5",
        "id": "5",
        "full_text": "macet",
        "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "lang": "in",
    }
    assert read({"tweet": tweet}) == Post("x:5", "x", "macet", 1539202764000, NOW, "https://x.com/i/status/5", "", "in")


OTHERS: list[dict[str, Any]] = [
    {"type": "Article"},
    {"record": {"text": "b"}},
    {"post": {}},
    {"posts": [5]},
    {"tweet": {}},
]


def test_an_object_with_a_text_of_its_own_is_in_none_of_these_forms() -> None:
    for fields in OTHERS:
        assert read({"text": "a"} | fields).text == "a"


def test_no_mutation_of_an_export_makes_it_raise() -> None:
    forms = [
        OUTBOX,
        VIEW,
        {"posts": [VIEW]},
        {"records": [{"uri": ADDRESS, "value": RECORD}]},
        NOTE,
        {"tweet": {"text": "a"}},
    ]
    for form in forms:
        line = json.dumps(form).encode()
        for cut in range(0, len(line), 7):
            for changed in (line[:cut], line[:cut] + b"null" + line[cut:], line[:cut] + b'"' + line[cut + 1 :]):
                found = parse(changed, ParseContext(NOW, name="replay:f:1"))
                if not isinstance(found, Post | Drop):
                    list(found)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "field", ["did", "data", "event", "payload", "delete", "errors", "limit", "account", "author_id"]
)
@pytest.mark.parametrize("value", ["2026-01-05", 5, {}, ["a"], True])
def test_a_plain_object_stays_one_if_a_network_has_a_field_of_the_same_name(field: str, value: object) -> None:
    if field == "data" and isinstance(value, list):
        return  # a page of X
    for text in ("full_text", "content", "body"):
        if (text, field) != ("content", "account") or not isinstance(value, dict):
            assert read({text: "macet", field: value}).text == "macet"
    if field not in ("did", "data", "payload"):
        return
    assert read({"text": "macet", field: value}).text == "macet"


def test_a_post_of_a_network_without_its_id_has_the_id_of_its_line() -> None:
    for post in (
        {"text": "macet", "author_id": "5", "created_at": "2022-12-06"},
        {"text": "macet", "id": 1.6e18, "author_id": "5"},
        {"text": "macet", "id_str": "1.6E+18", "user": {"screen_name": "rina"}},
        {"content": "<p>macet</p>", "account": {"acct": "rina"}, "uri": "https://social.example/1"},
    ):
        assert (read(post).id, read(post).text) == ("replay:f:1", "macet")
    plain = read({"content": "macet", "account": "rina", "id": 9})
    assert (plain.id, plain.author) == ("replay:f:#9", "rina")


def test_a_page_with_posts_of_any_kind_gives_each_of_them() -> None:
    status = {"id_str": "1600000000000000003", "full_text": "macet", "user": {"screen_name": "rina"}}
    for name in ("statuses", "results", "tweets", "items", "messages"):
        found = read({name: [status, 5, {"text": "banjir"}], "search_metadata": {}})
        assert [getattr(post, "id", post) for post in found] == [
            *("x:1600000000000000003", Drop.MALFORMED),
            "replay:f:1.3",
        ]
