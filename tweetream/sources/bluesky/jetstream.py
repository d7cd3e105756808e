"""How Bluesky's Jetstream writes an event in JSON, version 1 (`/subscribe`) and 2 (`subscribeEvents`).

Duty: one function for each version, from a message to what it says: a post, that one was deleted, why it is neither,
and where to go on from. What cannot be read at all is an error of `decode` (ValueError), which the caller counts.
They hold nothing and wait for nothing. An edit is no new post: the first text stays.
"""

import re
from typing import NamedTuple

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import Retracted
from tweetream.sources.networks import Outcome, Text
from tweetream.sources.post_builder import ParseContext, decode, make_post

POSTS = "app.bsky.feed.post"
METHOD = "network.bsky.jetstream.subscribeEvents"
GONE = ("deleted", "takendown")  # for good; who is deactivated or suspended may come back with all posts


class Event(NamedTuple):
    """What a message says."""

    outcome: Outcome
    cursor: int = 0  # µs since 1970 in version 1, a number in the order of events in 2; 0 if it has none
    gone: str = ""  # the DID of an account that is gone for good
    error: str = ""  # of version 2: the server ends the stream, and why
    notice: str = ""  # of version 2: of the stream, not of the network


class _Account(Struct):
    active: bool = True
    status: Text = None


class _Commit(Struct):
    operation: str
    collection: str
    rkey: str
    record: Raw = Raw()


class _V1(Struct):
    did: str
    kind: str
    time_us: int | None = None
    commit: _Commit | None = None
    account: _Account | None = None


class _Payload(Struct):
    type: str = field(name="$type")
    did: str = ""
    seq: int | None = None
    time: Text = None
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: Raw = Raw()
    account: _Account | None = None
    name: Text = None
    message: Text = None


class _V2(Struct):
    type: str = field(name="$type")
    payload: _Payload | None = None
    error: Text = None
    message: Text = None


class _Record(Struct):
    text: str
    createdAt: Text = None
    langs: list[str] | None = None


_v1, _v2, _record = Decoder(_V1), Decoder(_V2), Decoder(_Record)
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,300}")
_RKEY = re.compile(r"[A-Za-z0-9._:~-]{1,150}")  # longer would not fit an id; real ones have 13


def event_v1(line: bytes, at: ParseContext, langs: tuple[str, ...] = ()) -> Event:
    """An event of version 1, of a post in one of `langs`; any if there are none."""
    event = decode(_v1, line)
    cursor = event.time_us or 0
    if event.kind != "commit":
        return Event(Drop.NOT_A_POST, cursor, _gone(event.did, event.account))
    if event.commit is None:
        return Event(Drop.MALFORMED, cursor)
    return Event(_post(event.commit, event.did, cursor // 1000 or None, at, langs), cursor)


def event_v2(line: bytes, at: ParseContext, langs: tuple[str, ...] = ()) -> Event:
    """An event of version 2, as above."""
    frame = decode(_v2, line)
    if frame.type == "error":
        return Event(Drop.NOT_A_POST, error=": ".join(filter(None, (frame.error, frame.message))) or "unknown")
    event = frame.payload
    if event is None:
        return Event(Drop.MALFORMED)
    kind, cursor = event.type.rpartition("#")[2], event.seq or 0
    if kind == "info":
        return Event(Drop.NOT_A_POST, notice=": ".join(filter(None, (event.name, event.message))))
    if kind != "commit":
        return Event(Drop.NOT_A_POST, cursor, _gone(event.did, event.account))
    commit = _Commit(event.operation, event.collection, event.rkey, event.record)
    return Event(_post(commit, event.did, event.time, at, langs), cursor)


def _gone(did: str, account: _Account | None) -> str:
    gone = account is not None and not account.active and account.status in GONE and _DID.fullmatch(did)
    return did if gone else ""


def _post(commit: _Commit, did: str, seen: str | float | None, at: ParseContext, langs: tuple[str, ...]) -> Outcome:
    if commit.collection != POSTS:
        return Drop.NOT_A_POST
    if not _DID.fullmatch(did) or not _RKEY.fullmatch(commit.rkey):
        return Drop.MALFORMED
    id = f"at://{did}/{POSTS}/{commit.rkey}"
    if commit.operation == "delete":
        return Retracted(id)
    if commit.operation != "create":
        return Drop.EDITED if commit.operation == "update" else Drop.NOT_A_POST
    try:
        record = decode(_record, commit.record)
    except (ValueError, RecursionError):  # the event around it is sound, and says where to go on from
        return Drop.MALFORMED
    if langs and record.langs and not any(_speaks(lang, langs) for lang in record.langs):
        return Drop.LANGUAGE
    return make_post(
        at,
        "bluesky",
        record.text,
        id=id,
        created=record.createdAt or seen,
        url=f"https://bsky.app/profile/{did}/post/{commit.rkey}",
        author=did,
        lang=record.langs[0] if record.langs else "",
    )


def _speaks(lang: str, langs: tuple[str, ...]) -> bool:
    """Whether a tag is one of these or a kind of it, as en-GB is of en."""
    lang = lang.lower()
    return any(lang == wanted or lang.startswith(f"{wanted}-") for wanted in langs)
