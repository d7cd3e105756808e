"""Messages as networks send them, and damaged copies: bytes changed, cut, types changed, nested, huge.

The forms are those of the networks' own documents. A mutation holds no line end, since a frame of lines would be two,
and is never blank, since that is how some networks say that they are alive.
"""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

X_V1 = {
    "created_at": "Wed Oct 10 20:19:24 +0000 2018",
    "id": 1050118621198921728,
    "id_str": "1050118621198921728",
    "text": "Macet di Sudirman &amp; Thamrin…",
    "extended_tweet": {"full_text": "Macet di Sudirman &amp; Thamrin sejak pagi"},
    "user": {"screen_name": "rina_k", "id_str": "7"},
    "retweeted_status": {"id_str": "1", "text": "Macet", "user": {"screen_name": "b"}},
    "lang": "in",
}
X_V2 = {
    "data": {
        "id": "1050118621198921728",
        "edit_history_tweet_ids": ["1050118621198921728"],
        "text": "RT @b: macet…",
        "note_tweet": {"text": "macet di mana-mana"},
        "author_id": "7",
        "lang": "in",
        "created_at": "2026-01-05T08:00:00.000Z",
        "referenced_tweets": [{"type": "retweeted", "id": "5"}],
    },
    "includes": {
        "users": [{"id": "7", "name": "Rina", "username": "rina"}],
        "tweets": [{"id": "5", "text": "macet", "author_id": "8", "note_tweet": {"text": "macet, panjang"}}],
    },
    "matching_rules": [{"id": "1", "tag": "tweetream"}],
}
JETSTREAM = {
    "did": "did:plc:eygmaihciaxprqvxpfvl6flk",
    "time_us": 1725911162329308,
    "kind": "commit",
    "commit": {
        "rev": "3l3qo2vutsw2b",
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3l3qo2vuowo2b",
        "record": {
            "$type": "app.bsky.feed.post",
            "createdAt": "2024-09-09T19:46:02.102Z",
            "langs": ["id", "en"],
            "text": "hujan deras",
        },
        "cid": "bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi",
    },
}
STATUS = {
    "id": "113",
    "uri": "https://social.example/users/a/statuses/113",
    "url": "https://social.example/@a/113",
    "content": "<p>macet &amp; <a href='x'>banjir</a><br>lagi</p><p>dua</p>",
    "account": {"id": "1", "acct": "a@other.example", "url": "https://other.example/@a"},
    "language": "id",
    "created_at": "2024-09-09T19:46:02.102Z",
    "edited_at": None,
    "reblog": None,
}
PLAIN = {"id": "7", "text": "macet", "created_at": "2026-01-05T08:00:00Z", "url": "https://x.com/a/status/9"}
FORMS = [json.dumps(form).encode() for form in (X_V1, X_V2, {"data": [X_V2["data"]]}, JETSTREAM, STATUS, PLAIN)]

VALUES: list[Any] = [None, True, 0, -1, 2**63, 2**64, 10**400, 1e308, "", "\ud83d", "\0", "a" * 70_000, [], {}, [[]]]
VALUES += ["9" * 5000, "2999-01-01T00:00:00Z", "0000-00-00", "https://[", "did:", {"text": {"text": 5}}, [None, 5, "x"]]
PIECES = [b"null", b"{", b"}", b'"', b"\\", b"\\ud83d", b"\\udc00", b"1e999", b"[]", b"\0", b"\xff", b"\xed\xa0\x80"]
PIECES += [b"," * 20, b"[" * 200, b'{"a":' * 200, b"\xef\xbb\xbf", "\u2028".encode(), b"\t"]


def mutations(forms: list[bytes], count: int, seed: int = 1) -> Iterator[bytes]:
    """So many, the same for a seed."""
    chance = random.Random(seed)
    ways = (_bytes, _bytes, _types, _types, _nested, _cut)
    while count:
        line = chance.choice(ways)(chance.choice(forms), chance).translate(None, b"\r\n")
        if line.strip():
            count -= 1
            yield line


def _bytes(line: bytes, chance: random.Random) -> bytes:
    """Some bytes turned, taken out or put in."""
    changed = bytearray(line)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(changed) or 1)
        way = chance.randrange(3)
        if way == 0 and changed:
            changed[at] = chance.randrange(256)
        elif way == 1:
            del changed[at : at + chance.randint(1, 30)]
        else:
            changed[at:at] = chance.choice(PIECES)
    return bytes(changed)


def _cut(line: bytes, chance: random.Random) -> bytes:
    first, last = sorted((chance.randrange(len(line)), chance.randrange(len(line))))
    return chance.choice([line[:last], line[first:], line[first:last], line + line[:last]])


def _types(line: bytes, chance: random.Random) -> bytes:
    """Some values of other types, some fields gone."""
    form = json.loads(line)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(form))
        if not places:
            break
        inside, key = chance.choice(places)
        if isinstance(inside, dict) and chance.random() < 0.3:
            inside.pop(key, None)
        else:
            inside[key] = copy.deepcopy(chance.choice(VALUES))
    return json.dumps(form, ensure_ascii=chance.random() < 0.9).encode("utf-8", "surrogatepass")


def _nested(line: bytes, chance: random.Random) -> bytes:
    form = json.loads(line)
    inside, key = chance.choice(list(_places(form)))
    inside[key] = "here"
    depth = chance.choice([10, 500, 3000])
    open_, close = chance.choice([(b"[", b"]"), (b'{"reblog":', b"}"), (b'{"retweeted_status":', b"}")])
    return json.dumps(form).encode().replace(b'"here"', open_ * depth + b"1" + close * depth)


def _places(form: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a form of JSON: what it is in, and its key there."""
    for key, value in list(form.items() if isinstance(form, dict) else enumerate(form)):
        yield form, key
        if isinstance(value, dict | list):
            yield from _places(value)
