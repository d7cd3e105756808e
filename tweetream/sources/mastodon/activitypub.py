"""A post of ActivityPub, as in the file `outbox.json` of an archive that Mastodon or another server exports.

The file is a page of activities. `Create` has a post; `Announce` is a boost, of which only the address is there. An
archive holds posts for followers and direct messages too: a post that is not addressed to the public is none here.
"""

import re
from typing import Any

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import PostOrDrop
from tweetream.sources.fields import decode_message
from tweetream.sources.post_builder import ParseContext, make_post, plain_text
from tweetream.sources.post_text import beside, whole_text

TYPES = frozenset(b'"%s"' % name for name in (b"Create", b"Announce", b"Note", b"Question", b"Article", b"Page"))
_POSTS = ("Note", "Question", "Article", "Page")
_PUBLIC = ("https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public")
_ADDRESS = re.compile(r"https?://([a-zA-Z0-9.-]{1,253})(?::\d+)?/(?:[^?#]*/)?@?([A-Za-z0-9_.-]{1,64})/?")


class _Named(Struct):
    type: str | None = None
    name: str | None = None


class _Note(Struct):
    type: str
    id: str | None = None
    url: str | None = None
    content: str | None = None
    content_by_language: Any = field(name="contentMap", default=None)
    summary: str | None = None
    published: Any = None
    author: str | None = field(name="attributedTo", default=None)
    to: list[str] | None = None
    cc: list[str] | None = None
    tag: list[_Named] | None = None
    attachment: list[_Named] | None = None
    one_of: list[_Named] | None = field(name="oneOf", default=None)
    any_of: list[_Named] | None = field(name="anyOf", default=None)


class _Activity(Struct):
    type: str
    object: Raw = Raw()


_note, _activity = Decoder(_Note), Decoder(_Activity)


def parse_activity(data: bytes | Raw, at: ParseContext) -> PostOrDrop:
    """The post of an activity, or of an object alone."""
    activity = decode_message(_activity, data)
    if activity.type not in _POSTS:
        data = activity.object
        if not bytes(data).startswith(b"{"):
            return Drop.NOT_A_POST
    note = decode_message(_note, data)
    readers = [*(note.to or ()), *(note.cc or ())]
    if note.type not in _POSTS or (readers and not any(reader in _PUBLIC for reader in readers)):
        return Drop.NOT_A_POST
    if note.content is None and not note.summary:
        return Drop.MALFORMED
    address, author = _ADDRESS.fullmatch(note.id or ""), _ADDRESS.fullmatch(note.author or "")
    return make_post(
        at,
        "mastodon",
        whole_text(
            plain_text(note.content or ""),
            warning=(note.summary or "").strip(),
            options=[option.name or "" for option in [*(note.one_of or ()), *(note.any_of or ())]],
            tags=[(tag.name or "").removeprefix("#") for tag in note.tag or () if tag.type == "Hashtag"],
        ),
        id=f"mastodon:{address[1].lower()}/{address[2]}" if address else "",
        created=note.published,
        url=note.url or note.id or "",
        author=f"{author[2]}@{author[1].lower()}" if author else "",
        lang=_language(note.content_by_language),
        also=beside(*[image.name for image in note.attachment or ()]),
    )


def _language(contents: object) -> str:
    language = next(iter(contents), "") if isinstance(contents, dict) and len(contents) == 1 else ""
    return language if isinstance(language, str) else ""
