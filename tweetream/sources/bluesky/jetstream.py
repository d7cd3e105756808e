"""Bluesky's JSON format of an event from Jetstream, version 1 (`/subscribe`) and 2 (`subscribeEvents`).

One function for each version turns a message into an Event: its outcome, and the cursor to go on from. A message that
is no event makes `decode_message` raise ValueError; the caller counts it. An edit is not a new post: the first text
stays.
"""

import re
from typing import NamedTuple

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import Outcome, Retracted
from tweetream.sources.bluesky.records import POSTS, make_record_post
from tweetream.sources.fields import decode_message
from tweetream.sources.post_builder import ParseContext

METHOD = "network.bsky.jetstream.subscribeEvents"
REMOVED = ("deleted", "takendown")  # for good; a deactivated or suspended account may come back with all posts


class Event(NamedTuple):
    """The content of a message."""

    outcome: Outcome
    cursor: int = 0  # version 1: µs since 1970; version 2: a sequence number; 0 if there is none
    removed: str = ""  # the DID of an account that was removed for good
    error: str = ""  # version 2: the reason why the server ends the stream
    notice: str = ""  # version 2: a notice about the stream, not about the network


class _Account(Struct):
    active: bool = True
    status: str | None = None


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
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: Raw = Raw()
    account: _Account | None = None
    name: str | None = None
    message: str | None = None


class _V2(Struct):
    type: str = field(name="$type")
    payload: _Payload | None = None
    error: str | None = None
    message: str | None = None


_v1, _v2 = Decoder(_V1), Decoder(_V2)
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,300}")
_RKEY = re.compile(r"[A-Za-z0-9._:~-]{1,150}")  # a longer one would not fit an id; real ones have 13 characters


def event_v1(line: bytes, at: ParseContext, langs: tuple[str, ...] = ()) -> Event:
    """An event of version 1. A post in none of `langs` is dropped; if `langs` is empty, every post is kept."""
    event = decode_message(_v1, line)
    cursor = event.time_us or 0
    if event.kind != "commit":
        return Event(Drop.NOT_A_POST, cursor, _removed(event.did, event.account))
    if event.commit is None:
        return Event(Drop.MALFORMED, cursor)
    return Event(_post(event.commit, event.did, at, langs), cursor)


def event_v2(line: bytes, at: ParseContext, langs: tuple[str, ...] = ()) -> Event:
    """An event of version 2, with `langs` as in version 1."""
    frame = decode_message(_v2, line)
    if frame.type == "error":
        return Event(Drop.NOT_A_POST, error=": ".join(filter(None, (frame.error, frame.message))) or "unknown")
    event = frame.payload
    if event is None:
        return Event(Drop.MALFORMED)
    kind, cursor = event.type.rpartition("#")[2], event.seq or 0
    if kind == "info":
        return Event(Drop.NOT_A_POST, notice=": ".join(filter(None, (event.name, event.message))))
    if kind != "commit":
        return Event(Drop.NOT_A_POST, cursor, _removed(event.did, event.account))
    commit = _Commit(event.operation, event.collection, event.rkey, event.record)
    return Event(_post(commit, event.did, at, langs), cursor)


def _removed(did: str, account: _Account | None) -> str:
    removed = account is not None and not account.active and account.status in REMOVED and _DID.fullmatch(did)
    return did if removed else ""


def _post(commit: _Commit, did: str, at: ParseContext, langs: tuple[str, ...]) -> Outcome:
    if commit.collection != POSTS:
        return Drop.NOT_A_POST
    if not _DID.fullmatch(did) or not _RKEY.fullmatch(commit.rkey):
        return Drop.MALFORMED
    id = f"at://{did}/{POSTS}/{commit.rkey}"
    if commit.operation == "delete":
        return Retracted(id)
    if commit.operation != "create":
        return Drop.EDITED if commit.operation == "update" else Drop.NOT_A_POST
    return make_record_post(commit.record, at, id, did, langs=langs)
