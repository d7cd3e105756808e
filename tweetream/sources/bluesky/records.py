"""Bluesky's record of a post (`app.bsky.feed.post`), as Jetstream, the API and exports of a repository hold it.

Its facets say which bytes of the text are a link or a mention, even where they do not look like one. A link's text that
is its address in short becomes the whole address, so that no part of it counts as a word.
"""

from typing import Any
from urllib.parse import quote

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import PostOrDrop
from tweetream.sources.fields import decode_message
from tweetream.sources.post_builder import ParseContext, make_post, too_long
from tweetream.sources.post_text import beside, whole_text
from tweetream.text import normalise

POSTS = "app.bsky.feed.post"
MAX_FACETS = 500


class _Index(Struct):
    byteStart: int
    byteEnd: int


class _Feature(Struct):
    type: str | None = field(name="$type", default=None)
    uri: str | None = None


class _Facet(Struct):
    index: _Index
    features: list[_Feature] = []


class _Described(Struct):
    alt: str | None = None
    title: str | None = None


class _Embed(Struct):
    """Images, a video, a link's card, or one of these beside a quoted post. `record` holds the quoted post in views."""

    images: list[_Described] | None = None
    alt: str | None = None  # of a video
    external: _Described | None = None
    media: "_Embed | None" = None


class _Record(Struct):
    text: str
    createdAt: Any = None
    langs: list[str] | None = None
    tags: list[str] | None = None
    facets: Raw = Raw()  # decoded only if there are links or mentions
    embed: _Embed | None = None


class _Facets(Struct):
    facets: list[_Facet] = []


_record, _facets = Decoder(_Record), Decoder(_Facets)


def make_record_post(
    data: bytes | Raw, at: ParseContext, id: str, author: str,
    *, langs: tuple[str, ...] = (), quoted: str = "", quoted_author: str = "",
) -> PostOrDrop:  # fmt: skip
    """The post of a record. `id` is its address (`at://…`; empty: not known), `author` the DID or the handle.

    A post in none of `langs` is dropped; if `langs` is empty, every post is kept. The record does not hold the text of
    a quoted post.
    """
    try:
        record = decode_message(_record, data)
    except (ValueError, RecursionError):  # the message around it is valid, and so is its cursor
        return Drop.MALFORMED
    if langs and record.langs and not any(_matches(lang, langs) for lang in record.langs):
        return Drop.LANGUAGE
    text = record.text
    if facets := bytes(record.facets):
        text = _with_addresses(text, facets)
    if record.tags or quoted:
        text = whole_text(text, tags=record.tags or (), quoted=quoted, quoted_author=quoted_author)
    return make_post(
        at,
        "bluesky",
        text,
        id=id,
        created=record.createdAt,
        url=f"https://bsky.app/profile/{author}/post/{id.rpartition('/')[2]}" if id and author else "",
        author=author,
        lang=record.langs[0] if record.langs else "",
        also=_beside(record.embed) if record.embed else "",
    )


def _matches(lang: str, langs: tuple[str, ...]) -> bool:
    """Whether a language tag is one of these or a variant, as en-GB is a variant of en."""
    lang = lang.lower()
    return any(lang == tag or lang.startswith(f"{tag}-") for tag in langs)


def _beside(embed: _Embed) -> str:
    media = embed.media or embed
    card = media.external
    return beside(*[image.alt for image in media.images or ()], media.alt, card.title if card else None)


def _with_addresses(text: str, data: bytes) -> str:
    """The text with whole addresses in place of links and mentions that text.py would take for words."""
    if b"#link" not in data and b"#mention" not in data:
        return text
    facets = decode_message(_facets, b'{"facets":%b}' % data).facets
    wanted = [
        (facet.index.byteStart, facet.index.byteEnd, feature)
        for facet in facets[:MAX_FACETS]
        for feature in facet.features[:5]
        if feature.type is not None and feature.type.endswith(("#link", "#mention"))
    ]
    if not wanted:
        return text
    written, pieces, reached = text.encode(), list[str](), 0
    for start, end, feature in sorted(wanted, key=lambda found: found[:2]):
        if not reached <= start < end <= len(written):
            continue
        try:
            shown = written[start:end].decode()
            before = written[reached:start].decode()
        except UnicodeDecodeError:  # the bytes are counted wrong
            continue
        if (address := _address(shown, feature)) is not None:
            pieces += [before, address]
            reached = end
    pieces.append(written[reached:].decode("utf-8", "replace"))
    whole = "".join(pieces)
    return text if too_long(whole) else whole


def _address(shown: str, feature: _Feature) -> str | None:
    """The whole address of a link or of a mentioned account; None if the text can stay as it is."""
    if any(map(str.isspace, shown)):
        return None  # words that lead to a page
    if (feature.type or "").endswith("#mention"):
        name = shown.removeprefix("@")
        return f"https://bsky.app/profile/{quote(name)}" if "." in name and normalise(shown) else None
    if "." not in shown or shown.startswith(("http://", "https://")):
        return None
    return feature.uri if feature.uri and feature.uri.startswith(("http://", "https://")) else None
