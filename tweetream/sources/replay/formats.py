"""Parses a line of JSON: X (v1.1, v2), Bluesky Jetstream, Mastodon, Tweetream's own events, {"text": …}.

`parse` recognises the format by the fields. It returns an Outcome, or an iterator of outcomes for a line with several
posts (a page of X v2). It never raises. It remembers only the server of Mastodon's last posts (in ParseContext).
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import Outcome, PostOrDrop, Retracted
from tweetream.sources.bluesky.jetstream import event_v1, event_v2
from tweetream.sources.fields import as_text, decode_message
from tweetream.sources.mastodon import posts as mastodon
from tweetream.sources.post_builder import MAX_ID, ParseContext, decode, make_post
from tweetream.sources.replay.exports import ExportProbe, parse_export
from tweetream.sources.replay.ids import id_in_file, usable
from tweetream.sources.replay.plain import parse_plain
from tweetream.sources.x import posts as x

NOTHING: Mapping[str, str] = MappingProxyType({})


class _Probe(ExportProbe):
    """The fields that distinguish the formats, not decoded yet."""

    did: Raw = Raw()
    event: Raw = Raw()
    payload: Raw = Raw()
    account: Raw = Raw()
    spoiler_text: Raw = Raw()
    reblog: Raw = Raw()
    data: Raw = Raw()
    includes: Raw = Raw()
    user: Raw = Raw()
    id_str: Raw = Raw()
    author_id: Raw = Raw()
    edit_history_tweet_ids: Raw = Raw()
    delete: Raw = Raw()
    retracted: Raw = Raw()


class _Page(Struct):
    """The lists of posts in answers of APIs and in exports."""

    statuses: Raw = Raw()
    results: Raw = Raw()
    tweets: Raw = Raw()
    items: Raw = Raw()
    messages: Raw = Raw()


# Other messages of X: notices (v1.1); errors and empty pages (v2).
_NOTICES = frozenset(
    ("delete", "limit", "scrub_geo", "status_withheld", "user_withheld", "disconnect", "warning", "friends")
    + ("errors", "meta")
)


class _Plain(Struct):
    text: str
    id: str | int | None = None
    source: str | None = None
    url: str | None = None
    author: str | int | None = None
    lang: str | None = None
    created_at: Any = None
    also: str | None = None


_MAX_STATUSES = 10_000  # of Mastodon; a deletion is matched with one of these

_probe, _plain, _string, _any = Decoder(_Probe), Decoder(_Plain), Decoder(str), Decoder()
_page, _fields, _list = Decoder(_Page), Decoder(dict[str, Raw]), Decoder(list[Raw])


def parse(
    line: bytes, at: ParseContext, column: str = "text", chosen: Mapping[str, str] = NOTHING
) -> Outcome | Iterator[Outcome]:
    """Parse a line. `chosen` names the fields of a plain object by their meaning; `column` that of its text."""
    try:
        if column != "text" or chosen:
            return parse_plain(line, at, {**chosen, "text": column} if column != "text" else chosen)
        return _parse(line, at)
    except (ValueError, RecursionError):  # no JSON, too many nested brackets
        return Drop.MALFORMED


def _parse(line: bytes, at: ParseContext) -> Outcome | Iterator[Outcome]:
    if line.startswith((b"data:", b"event:", b":")):
        return _sse(line, at)
    seen = decode(_probe, line)
    try:
        found = _of_network(seen, line, at)
    except ValueError:  # a wrong type
        found = Drop.MALFORMED
    return _plain_instead(seen, line, at) if found is Drop.MALFORMED else found


def _plain_instead(seen: _Probe, line: bytes, at: ParseContext) -> PostOrDrop:
    """The post of an object that only has the name of a field with a network, such as `data`."""
    if bytes(seen.account).startswith(b"{"):  # its text would be HTML
        return Drop.MALFORMED
    if _has(seen.id_str) and _has(seen.text) and usable(as_text(decode(_any, seen.id_str))):
        return Drop.MALFORMED
    return parse_plain(line, at, NOTHING)


def _of_network(seen: _Probe, line: bytes, at: ParseContext) -> Outcome | Iterator[Outcome]:
    has_text = _has(seen.text)
    if _has(seen.did) and not has_text:
        return event_v1(line, at).outcome
    if _has(seen.payload) and not _has(seen.event) and not has_text:
        return event_v2(line, at).outcome
    if _has(seen.event) and _has(seen.payload) and not has_text:
        return _mastodon_event(seen, at)
    if bytes(seen.content) and (
        bytes(seen.account).startswith(b"{") or bytes(seen.uri) or bytes(seen.reblog) or bytes(seen.spoiler_text)
    ):
        return _mastodon(line, at)
    if _has(seen.data) and not has_text:
        return x.parse_tweets(seen.data, seen.includes if _has(seen.includes) else None, at)
    if (exported := parse_export(seen, line, at)) is not None:
        return exported
    if bytes(seen.user).startswith(b"{") or _has(seen.id_str):
        return x.parse_status(line, at)
    if bytes(seen.author_id) or _has(seen.edit_history_tweet_ids):
        return x.parse_tweet(line, at)
    if has_text:
        return _own(line, at)
    found = parse_plain(line, at, NOTHING)
    return _without_text(seen, line, at) if found is Drop.MALFORMED else found


def _posts_of(page: Raw, at: ParseContext) -> Iterator[Outcome]:
    """The posts of a page, such as a search of X v1.1 or of Mastodon: each in its own format."""
    items, name = decode(_list, page), at.name
    for number, item in enumerate(items, 1):
        at.name = f"{name}.{number}"
        found = parse(bytes(item), at)
        yield found if isinstance(found, Post | Drop | Retracted) else Drop.MALFORMED


def _without_text(seen: _Probe, line: bytes, at: ParseContext) -> Outcome | Iterator[Outcome]:
    """A page of posts, a deletion, or another message that has no text."""
    page = decode(_page, line)
    for posts in (page.statuses, page.results, page.tweets, page.items, page.messages):
        if bytes(posts).startswith(b"[") and b"{" in bytes(posts):
            return _posts_of(posts, at)
    if _has(seen.delete):
        return x.parse_deletion(seen.delete)
    if _has(seen.retracted):
        id = decode(_string, seen.retracted)
        # The same rule as for the post's own line, or nobody would know which post is meant.
        return Retracted(id_in_file(id, at.name) or id) if 0 < len(id) <= MAX_ID else Drop.MALFORMED
    if _has(seen.event):
        return _mastodon_event(seen, at)
    fields = decode(_fields, line)
    return Drop.MALFORMED if _NOTICES.isdisjoint(fields) else Drop.NOT_A_POST


def _has(given: Raw) -> bool:
    return bytes(given) not in (b"", b"null")


def _mastodon_event(seen: _Probe, at: ParseContext) -> Outcome:
    """An event of Mastodon's streaming API: its payload is JSON in a string. An edit is not a new post."""
    event, payload = decode(_string, seen.event), bytes(seen.payload)
    if event == "update":
        return _mastodon(decode(_string, payload).encode() if payload.startswith(b'"') else payload, at)
    if event == "status.update":
        return Drop.EDITED
    if event != "delete":
        return Drop.NOT_A_POST
    return _mastodon_deletion(decode(_string, payload) if payload.startswith(b'"') else payload.decode(), at)


def _sse(line: bytes, at: ParseContext) -> Outcome | Iterator[Outcome]:
    """A line of Mastodon's stream as curl saves it. A line without data belongs to the next line with data."""
    name, _, data = line.partition(b":")
    data = data.strip()
    if name == b"data" and data.startswith(b"{"):
        return _parse(data, at)
    return _mastodon_deletion(data.decode(), at) if name == b"data" else Drop.NOT_A_POST


def _mastodon_deletion(number: str, at: ParseContext) -> Outcome:
    id = at.statuses.get(number)
    return Retracted(id) if id else Drop.NOT_A_POST  # the file does not hold the post


def _mastodon(line: bytes, at: ParseContext) -> Outcome:
    found = mastodon.parse_status(line, at)
    if isinstance(found, Post):
        id = found.id.removesuffix(at.suffix)
        at.statuses[id.rpartition("/")[2]] = id
        if len(at.statuses) > _MAX_STATUSES:
            at.statuses.popitem(last=False)
    return found


def _own(line: bytes, at: ParseContext) -> Outcome:
    """An event of Tweetream itself, which has all these fields; any other object is a plain one."""
    event = decode_message(_plain, line)
    if event.id is None or event.source is None or event.author is None:
        return parse_plain(line, at, NOTHING)
    return make_post(
        at,
        event.source if re.fullmatch("[a-z0-9_-]{1,32}", event.source) else "replay",
        event.text,
        id=id_in_file(as_text(event.id), at.name),
        created=event.created_at,
        url=event.url or "",
        author=as_text(event.author),
        lang=event.lang or "",
        also=event.also or "",
    )
