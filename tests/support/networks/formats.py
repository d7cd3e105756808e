"""A message of each network and format, and the parser of a replay applied to it."""

import json
from collections.abc import Iterator
from typing import Any

from tweetream.sources.post_builder import ParseContext
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
TWEET: dict[str, Any] = {
    "id": "42",
    "text": "halo",
    "author_id": "7",
    "lang": "in",
    "created_at": "2019-06-04T23:12:08.000Z",
}
SKEET: dict[str, Any] = {
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
TOOT: dict[str, Any] = {
    "id": "113",
    "uri": "https://social.example/users/a/statuses/113",
    "url": "https://social.example/@a/113",
    "content": "<p>macet &amp; <a href='x'>banjir</a><br>lagi</p><p>dua</p>",
    "account": {"acct": "a@other.example"},
    "language": "id",
    "created_at": "2024-09-09T19:46:02.102Z",
    "reblog": None,
}
VIEW: dict[str, Any] = {
    "uri": "at://did:plc:abc/app.bsky.feed.post/3l3qo2vuowo2b",
    "cid": "b",
    "author": {"did": "did:plc:abc", "handle": "rina.example", "displayName": "Rina"},
    "record": SKEET["commit"]["record"],
    "embed": {
        "$type": "app.bsky.embed.record#view",
        "record": {"value": {"text": "macet"}, "author": {"handle": "b.example"}},
    },
    "indexedAt": "2024-09-09T19:46:03.000Z",
}
NOTE: dict[str, Any] = {
    "id": "9x1",
    "createdAt": "2024-09-09T19:46:02.102Z",
    "userId": "u1",
    "user": {"id": "u1", "username": "rina", "host": None},
    "text": "hujan @warga@b.example",
    "cw": None,
    "visibility": "public",
    "files": [{"comment": "foto banjir"}],
    "renote": None,
}
OUTBOX: dict[str, Any] = {
    "@context": "https://www.w3.org/ns/activitystreams",
    "id": "outbox.json",
    "type": "OrderedCollection",
    "totalItems": 2,
    "orderedItems": [
        {
            "id": "https://social.example/users/a/statuses/113/activity",
            "type": "Create",
            "actor": "https://social.example/users/a",
            "published": "2024-09-09T19:46:02Z",
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
            "object": {
                "id": "https://social.example/users/a/statuses/113",
                "type": "Note",
                "summary": None,
                "content": "<p>macet &amp; banjir</p>",
                "contentMap": {"id": "<p>macet &amp; banjir</p>"},
                "published": "2024-09-09T19:46:02Z",
                "url": "https://social.example/@a/113",
                "attributedTo": "https://social.example/users/a",
                "to": ["https://www.w3.org/ns/activitystreams#Public"],
                "cc": ["https://social.example/users/a/followers"],
                "tag": [{"type": "Hashtag", "name": "#macet"}],
                "attachment": [{"type": "Document", "name": "foto jalan"}],
            },
        },
        {"id": "x", "type": "Announce", "object": "https://b.example/statuses/5"},
    ],
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


def read(value: Any, column: str = "text") -> Any:
    line = value if isinstance(value, bytes) else json.dumps(value).encode()
    found = parse(line, ParseContext(NOW, name="replay:f:1"), column)
    return list(found) if isinstance(found, Iterator) else found
