"""Mastodon's JSON formats of a status (a post) and of a deletion.

Each function turns a message into an Outcome. A field of a wrong type makes `decode` raise ValueError; the caller
counts it.
"""

import re
from urllib.parse import urlsplit

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import PostOrDrop, Retracted
from tweetream.sources.post_builder import ParseContext, decode, make_post, plain_text

STATUS_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # Mastodon's ids are digits, but other servers have letters too


class _Account(Struct):
    acct: str


class _Status(Struct):
    id: str | int
    content: str
    account: _Account
    spoiler_text: str | None = None
    uri: str | None = None
    url: str | None = None
    language: str | None = None
    created_at: str | None = None
    reblog: "_Status | None" = None


_status = Decoder(_Status)


def parse_status(line: bytes | Raw, at: ParseContext, host: str = "") -> PostOrDrop:
    """A status. A boost gets the content of the boosted status. A content warning stands above the text.

    `host` is the server that gave the status its id. Where it is not known, as in a file, it comes from the address
    of the status.
    """
    status = decode(_status, line)
    inner = status.reblog or status
    host = host or next(filter(None, (urlsplit(address or "").hostname for address in (status.uri, status.url))), "")
    text, warning = plain_text(inner.content), (inner.spoiler_text or "").strip()
    return make_post(
        at,
        "mastodon",
        f"{warning}\n\n{text}" if warning and text else text or warning,
        id=f"mastodon:{host}/{status.id}" if host else "",
        created=status.created_at,
        url=status.url or inner.url or "",
        author=status.account.acct,
        lang=status.language or inner.language or "",
    )


def parse_deletion(payload: str, host: str) -> Retracted | Drop:
    """A deletion: only the id of the status at the server that reports it."""
    return Retracted(f"mastodon:{host}/{payload}") if STATUS_ID.fullmatch(payload) else Drop.MALFORMED
