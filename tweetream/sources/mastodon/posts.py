"""Mastodon's JSON formats of a status (a post) and of a deletion; GoToSocial and Akkoma send the same.

Each function turns a message into an Outcome. A message without a usable text makes `decode_message` raise ValueError;
the caller counts it.
"""

import re
from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import PostOrDrop, Retracted
from tweetream.sources.fields import as_text, decode_message
from tweetream.sources.post_builder import ParseContext, make_post, plain_text
from tweetream.sources.post_text import beside, whole_text

STATUS_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # Mastodon's ids are digits, but other servers have letters too
_HOST = re.compile(r"https?://([a-zA-Z0-9.-]{1,253})(?=[:/?#]|\Z)")
NOT_PUBLIC = ("private", "direct", "followers", "specified")  # of a file that its author exported


class _Account(Struct):
    acct: str | int | None = None


class _Named(Struct):
    """A hashtag, an option of a poll, an image or a link's card: each has one of these."""

    name: str | None = None
    title: str | None = None
    description: str | None = None


class _Poll(Struct):
    options: list[_Named] | None = None


class _Status(Struct):
    id: str | int | None = None
    content: str | None = None
    account: _Account | None = None
    spoiler_text: str | None = None
    uri: str | None = None
    url: str | None = None
    language: str | None = None
    created_at: Any = None
    visibility: str | None = None
    tags: list[_Named] | None = None
    poll: _Poll | None = None
    media_attachments: list[_Named] | None = None
    card: _Named | None = None
    quote: "_Quote | None" = None
    reblog: "_Status | None" = None


class _Quote(_Status):
    """A quoted post: the status itself on Akkoma, and around it an object with its state on Mastodon."""

    quoted_status: "_Status | None" = None


_status = Decoder(_Status)


def parse_status(line: bytes | Raw, at: ParseContext, host: str = "") -> PostOrDrop:
    """A status. A boost gets the content of the boosted status.

    `host` is the server that gave the status its id. Where it is not known, as in a file, it comes from the address
    of the status.
    """
    status = decode_message(_status, line)
    inner = status.reblog if status.reblog and _text(status.reblog) else status
    if not _has_text(inner):
        return Drop.MALFORMED
    if status.visibility in NOT_PUBLIC:
        return Drop.NOT_A_POST
    id = as_text(status.id)
    if not STATUS_ID.fullmatch(id) and (host or status.id is not None):
        return Drop.MALFORMED
    host = host or _host(status.uri) or _host(status.url)
    return make_post(
        at,
        "mastodon",
        _text(inner),
        id=f"mastodon:{host}/{id}" if host and id else "",
        created=status.created_at,
        url=status.url or inner.url or "",
        author=as_text(status.account.acct) if status.account else "",
        lang=status.language or inner.language or "",
        also=_beside(inner) if inner.media_attachments or inner.card else "",
    )


def _has_text(status: _Status) -> bool:
    return status.content is not None or bool(status.spoiler_text)


def _text(status: _Status) -> str:
    text = plain_text(status.content or "")
    if not (status.spoiler_text or status.tags or status.poll or status.quote):
        return text
    quoted = status.quote and (status.quote.quoted_status or status.quote)
    return whole_text(
        text,
        warning=(status.spoiler_text or "").strip(),
        options=[option.title or "" for option in (status.poll and status.poll.options) or ()],
        tags=[tag.name or "" for tag in status.tags or ()],
        quoted=plain_text(quoted.content or "") if quoted else "",
        quoted_author=as_text(quoted.account.acct) if quoted and quoted.account else "",
    )


def _beside(status: _Status) -> str:
    images = [image.description for image in status.media_attachments or ()]
    return beside(*images, status.card.title if status.card else None)


def _host(address: str | None) -> str:
    found = _HOST.match(address or "")
    return found[1].lower() if found else ""


def parse_deletion(payload: str, host: str) -> Retracted | Drop:
    """A deletion: only the id of the status at the server that reports it."""
    return Retracted(f"mastodon:{host}/{payload}") if STATUS_ID.fullmatch(payload) else Drop.MALFORMED
