"""The text of a post is one definition for all networks; docs/sources.md has it as a table, and each cell is tested."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.networks.formats import NOTE, NOW, OUTBOX, SKEET, TOOT, TWEET, V1, VIEW, read
from support.paths import DOCS

from tweetream.models.post import Post
from tweetream.sources.base import MAX_TEXT
from tweetream.sources.mastodon.posts import parse_status
from tweetream.sources.post_builder import MAX_ALSO, ParseContext
from tweetream.sources.post_text import PARTS, whole_text
from tweetream.text import normalise

HEAD = "| part of a post | matching | label | X | Bluesky | Mastodon |\n| --- | --- | --- | --- | --- | --- |\n"
WORDS = ["sendiri", "awas", "opsi", "tag", "kutipan", "foto", "judul", "alamat"]  # one in each of PARTS
OWN, WARNING, POLL, TAGS, QUOTED, IMAGE, TITLE, ADDRESS = WORDS


def v2(**fields: Any) -> Any:
    return {"data": TWEET | fields}


def skeet(**fields: Any) -> Any:
    commit = SKEET["commit"]
    return SKEET | {"commit": commit | {"record": commit["record"] | fields}}


def facet(text: str, part: str, **feature: str) -> dict[str, Any]:
    start = len(text[: text.index(part)].encode())
    return {"index": {"byteStart": start, "byteEnd": start + len(part.encode())}, "features": [feature]}


def address(host: str) -> Any:
    text = f"baca 🚧 {host}/x"
    return skeet(
        text=text,
        facets=[facet(text, f"{host}/x", uri=f"https://{host}/x", **{"$type": "app.bsky.richtext.facet#link"})],
    )


IMAGES = {"images": [{"alt": IMAGE}]}
EXTERNAL = {"external": {"uri": "https://a.example", "title": TITLE, "description": "lain"}}
# A message of each network with the part, by the part's place in PARTS.
MESSAGES: dict[str, list[Any]] = {
    "x": [
        v2(note_tweet={"text": OWN}),
        None,
        v2(attachments={"poll_ids": ["1"]}) | {"includes": {"polls": [{"id": "1", "options": [{"label": POLL}]}]}},
        None,
        v2(referenced_tweets=[{"type": "quoted", "id": "5"}]) | {"includes": {"tweets": [{"id": "5", "text": QUOTED}]}},
        v2(attachments={"media_keys": ["m"]}) | {"includes": {"media": [{"media_key": "m", "alt_text": IMAGE}]}},
        v2(entities={"urls": [{"url": "https://t.co/1", "title": TITLE}]}),
        v2(text="halo https://t.co/alamat @alamat"),
    ],
    "bluesky": [
        skeet(text=OWN),
        None,
        None,
        skeet(tags=[TAGS]),
        VIEW | {"embed": {"record": {"value": {"text": QUOTED}}}},
        skeet(embed=IMAGES),
        skeet(embed=EXTERNAL),
        address("alamat.jalan"),
    ],
    "mastodon": [
        TOOT | {"content": f"<p>{OWN}</p>"},
        TOOT | {"spoiler_text": WARNING},
        TOOT | {"poll": {"options": [{"title": POLL}]}},
        TOOT | {"tags": [{"name": TAGS}]},
        TOOT | {"quote": {"state": "accepted", "quoted_status": TOOT | {"content": f"<p>{QUOTED}</p>"}}},
        TOOT | {"media_attachments": [{"type": "image", "description": IMAGE}]},
        TOOT | {"card": {"url": "https://a.example", "title": TITLE, "description": "lain"}},
        TOOT | {"content": "<p>halo <a href='https://alamat.jalan/x'>alamat.jalan/x</a> @alamat</p>"},
    ],
}
# The same parts in other forms of the networks, which count in the same way.
OTHERS: list[tuple[str, Any]] = [
    (OWN, V1 | {"extended_tweet": {"full_text": OWN}}),
    (QUOTED, V1 | {"quoted_status": {"text": "x…", "full_text": QUOTED, "user": {"screen_name": "b"}}}),
    (IMAGE, V1 | {"extended_entities": {"media": [{"ext_alt_text": IMAGE}]}}),
    (QUOTED, TWEET | {"referenced_tweets": [{"type": "quoted", "id": "5", "text": QUOTED, "author": {}}]}),
    (IMAGE, skeet(embed={"alt": IMAGE, "video": {}})),
    (IMAGE, skeet(embed={"record": {"uri": "at://x"}, "media": IMAGES})),
    (TITLE, skeet(embed={"media": EXTERNAL})),
    (TAGS, VIEW | {"record": skeet(tags=[TAGS])["commit"]["record"]}),
    (QUOTED, VIEW | {"embed": {"media": IMAGES, "record": {"record": {"value": {"text": QUOTED}}}}}),
    (QUOTED, TOOT | {"quote": TOOT | {"content": QUOTED}}),
    (OWN, TOOT | {"content": "", "reblog": TOOT | {"content": f"<p>{OWN}</p>"}}),
    (POLL, NOTE | {"poll": {"choices": [{"text": POLL, "votes": 1}]}}),
    (WARNING, NOTE | {"cw": WARNING}),
    (QUOTED, NOTE | {"renote": NOTE | {"text": QUOTED}}),
    (OWN, NOTE | {"text": None, "renote": NOTE | {"text": OWN}}),
    (IMAGE, NOTE | {"files": [{"comment": IMAGE}]}),
    (WARNING, {"type": "Note", "content": "<p>halo</p>", "summary": WARNING}),
    (POLL, {"type": "Question", "content": "<p>halo</p>", "oneOf": [{"type": "Note", "name": POLL}]}),
    (TAGS, {"type": "Note", "content": "<p>halo</p>", "tag": [{"type": "Hashtag", "name": f"#{TAGS}"}]}),
    (IMAGE, {"type": "Note", "content": "<p>halo</p>", "attachment": [{"type": "Document", "name": IMAGE}]}),
]  # fmt: skip


def counts(post: Post, word: str) -> tuple[bool, bool]:
    """Whether the word counts for matching, and for the label."""
    label = word in normalise(post.text).split()
    return label or word in normalise(post.also).split(), label


@pytest.mark.parametrize("network", MESSAGES)
def test_each_part_counts_as_the_table_says(network: str) -> None:
    for part, word, message in zip(PARTS, WORDS, MESSAGES[network], strict=True):
        assert (getattr(part, network) == "") is (message is None), part.name
        if message is not None:
            assert counts(read(message), word) == (part.matching, part.label), part.name


def test_the_other_forms_of_a_network_count_in_the_same_way() -> None:
    for word, message in OTHERS:
        part = PARTS[WORDS.index(word)]
        assert counts(read(message), word) == (part.matching, part.label), (word, message)


def test_the_table_in_the_documentation_is_this_one() -> None:
    cell: Callable[[bool], str] = {True: "yes", False: "no"}.__getitem__
    rows = [
        f"| {p.name} | {cell(p.matching)} | {cell(p.label)} | {p.x or '–'} | {p.bluesky or '–'} | {p.mastodon or '–'} |"
        for p in PARTS
    ]
    assert HEAD + "\n".join(rows) + "\n" in (DOCS / "sources.md").read_text()


def test_a_hashtag_that_is_in_the_text_is_not_said_twice() -> None:
    assert read(skeet(text="hujan #Macet", tags=["macet", "banjir jakarta"])).text == "hujan #Macet\n\n#banjir jakarta"
    assert read(OUTBOX)[0].text == "macet & banjir\n\n#macet"


def test_a_facet_counts_bytes_and_says_what_is_a_link_or_a_mention() -> None:
    kind = "app.bsky.richtext.facet#"
    text = "🚧 macet.jalan/x dan @info.macet.jalan lalu klik sini.ya"
    facets = [
        facet(text, "macet.jalan/x", uri="https://macet.jalan/x/panjang", **{"$type": f"{kind}link"}),
        facet(text, "@info.macet.jalan", did="did:plc:x", **{"$type": f"{kind}mention"}),
        facet(text, "klik sini.ya", uri="https://lain.example", **{"$type": f"{kind}link"}),
    ]
    post = read(skeet(text=text, facets=facets))
    assert (
        post.text == "🚧 https://macet.jalan/x/panjang dan https://bsky.app/profile/info.macet.jalan lalu klik sini.ya"
    )
    assert normalise(post.text) == "dan lalu klik sini ya"
    named = "halo @warga.bsky.social"
    mention = facet(named, "@warga.bsky.social", did="did:plc:x", **{"$type": f"{kind}mention"})
    assert read(skeet(text=named, facets=[mention])).text == named
    for start, end in ((1, 9), (-1, 5), (5, 999), (9, 3), (0, 0)):
        wrong = facets[0] | {"index": {"byteStart": start, "byteEnd": end}}
        assert read(skeet(text=text, facets=[wrong])).text == text


def test_addresses_that_would_make_a_text_too_long_are_left_out() -> None:
    text = "a.b " * 300
    long = [
        {
            "index": {"byteStart": n * 4, "byteEnd": n * 4 + 3},
            "features": [{"$type": "#link", "uri": "https://" + "x" * 2000}],
        }
        for n in range(300)
    ]
    assert read(skeet(text=text, facets=long)).text == text


def test_thousands_of_hashtags_beside_a_long_text_take_no_time() -> None:
    began = time.process_time()
    post = read(skeet(text="a" * 60_000, tags=[f"t{n}" for n in range(50_000)]))
    assert isinstance(post, Post) and time.process_time() - began < 2, "each was looked for in the whole text"


def test_a_part_that_makes_a_text_too_long_is_left_out_and_a_description_is_cut() -> None:
    own = "a" * (MAX_TEXT - 10)
    assert whole_text(own, tags=["b"], quoted="c" * 20) == own + "\n\n#b"
    post = read(skeet(embed={"images": [{"alt": "é" * 2000}, {"alt": "x"}]}))
    assert len(post.also.encode()) <= MAX_ALSO and set(post.also) == {"é"}


def test_a_post_with_a_picture_alone_has_its_description_as_its_text() -> None:
    post = read(skeet(text="", embed={"images": [{"alt": "banjir di Kemang"}]}))
    assert (post.text, post.also) == ("banjir di Kemang", "")


def test_live_mastodon_reads_the_same_parts() -> None:
    status = TOOT | {
        "spoiler_text": WARNING,
        "poll": {"options": [{"title": POLL}]},
        "content": "<ul><li>a</li><li>b</li></ul>",
    }
    post = parse_status(json.dumps(status).encode(), ParseContext(NOW), "social.example")
    assert isinstance(post, Post) and post.text == f"{WARNING}\n\na\nb\n\n{POLL}"
