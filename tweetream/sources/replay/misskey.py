"""A note of Misskey, as its API gives it and as its users export theirs."""

import re
from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import PostOrDrop
from tweetream.sources.fields import as_text, decode_message
from tweetream.sources.mastodon.posts import NOT_PUBLIC
from tweetream.sources.post_builder import ParseContext, make_post
from tweetream.sources.post_text import beside, whole_text

_HOST = re.compile(r"https?://([a-zA-Z0-9.-]{1,253})(?=[:/])")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _User(Struct):
    username: str | int | None = None
    host: str | None = None


class _Choice(Struct):
    text: str | None = None


class _Poll(Struct):
    choices: list[_Choice] | None = None


class _File(Struct):
    comment: str | None = None


class _Note(Struct):
    id: str | int | None = None
    text: str | None = None
    cw: str | None = None
    createdAt: Any = None
    user: _User | None = None
    visibility: str | None = None
    uri: str | None = None
    url: str | None = None
    tags: list[str] | None = None
    poll: _Poll | None = None
    files: list[_File] | None = None
    renote: "_Note | None" = None


_note = Decoder(_Note)


def parse_note(data: bytes | Raw, at: ParseContext) -> PostOrDrop:
    """A note. A renote without words of its own gets those of the other note."""
    note = decode_message(_note, data)
    inner = note.renote if note.renote and not (note.text or note.cw) else note
    if note.visibility in NOT_PUBLIC:
        return Drop.NOT_A_POST
    if inner.text is None and not (inner.cw or inner.files or inner.poll):
        return Drop.MALFORMED
    id, host = as_text(note.id), _HOST.match(note.uri or note.url or "")
    if id and not _ID.fullmatch(id):
        return Drop.MALFORMED
    quoted = inner.renote
    return make_post(
        at,
        "misskey",
        whole_text(
            inner.text or "",
            warning=(inner.cw or "").strip(),
            options=[choice.text or "" for choice in (inner.poll and inner.poll.choices) or ()],
            tags=inner.tags or (),
            quoted=(quoted and quoted.text) or "",
            quoted_author=_name(quoted.user) if quoted else "",
        ),
        id=f"misskey:{host[1].lower()}/{id}" if host and id else f"misskey:{id}" if id else "",
        created=note.createdAt,
        url=note.url or note.uri or "",
        author=_name(note.user),
        also=beside(*[file.comment for file in inner.files or ()]),
    )


def _name(user: _User | None) -> str:
    name = as_text(user.username) if user else ""
    return f"{name}@{user.host}" if user and name and user.host else name
