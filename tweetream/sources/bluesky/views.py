"""Bluesky's posts as its API gives them and as tools export them: views, feeds, and records of a repository.

{"uri", "cid", "author", "record", "embed"}    a view, as in getPosts and searchPosts ({"posts": […]})
{"post": {…}, "reply", "reason"}               an entry of getAuthorFeed and getTimeline ({"feed": […]})
{"uri", "cid", "value": {…}}                   a record of listRecords ({"records": […]})
{"$type": "app.bsky.feed.post", "text", …}     a record alone, whose address is not known
"""

import re

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import PostOrDrop
from tweetream.sources.bluesky.records import POSTS, make_record_post
from tweetream.sources.fields import decode_message
from tweetream.sources.post_builder import ParseContext

_URI = re.compile(r"at://(did:[a-z]+:[A-Za-z0-9._:%-]{1,300})/([a-zA-Z0-9.-]{1,300})/([A-Za-z0-9._:~-]{1,150})")


class _Author(Struct):
    did: str | None = None
    handle: str | None = None


class _Value(Struct):
    text: str | None = None


class _Quoted(Struct):
    """A quoted post in a view; beside an image it is one level deeper."""

    value: _Value | None = None
    author: _Author | None = None
    record: "_Quoted | None" = None


class _Embed(Struct):
    record: _Quoted | None = None


class _View(Struct):
    uri: str | None = None
    author: _Author | None = None
    record: Raw = Raw()
    value: Raw = Raw()
    embed: _Embed | None = None
    post: "_View | None" = None


_view = Decoder(_View)


def parse_view(data: bytes | Raw, at: ParseContext) -> PostOrDrop:
    """The post of a view, an entry of a feed or a record with its address."""
    view = decode_message(_view, data)
    view = view.post or view
    record = view.record if bytes(view.record) else view.value
    if not bytes(record):
        return Drop.MALFORMED
    found = _URI.fullmatch(view.uri or "")
    if found and found[2] != POSTS:
        return Drop.NOT_A_POST  # a like, for example
    author = (view.author and (view.author.handle or view.author.did)) or (found[1] if found else "")
    quoted = view.embed.record if view.embed else None
    quoted = quoted.record or quoted if quoted else None
    return make_record_post(
        record, at, found[0] if found else "", author,
        quoted=(quoted and quoted.value and quoted.value.text) or "",
        quoted_author=(quoted and quoted.author and quoted.author.handle) or "",
    )  # fmt: skip


def parse_record(data: Raw | bytes, at: ParseContext) -> PostOrDrop:
    """The post of a record alone."""
    return make_record_post(data, at, "", "")
