"""The forms of JSON that no network's stream has, but its API or an export: recognised by their fields.

`parse_export` returns None for any other object. A page gives each of its posts; a bad one costs only itself.
"""

from collections.abc import Callable, Iterator

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import Outcome
from tweetream.sources.bluesky import views
from tweetream.sources.bluesky.records import POSTS
from tweetream.sources.mastodon import activitypub
from tweetream.sources.post_builder import ParseContext, decode
from tweetream.sources.replay import misskey
from tweetream.sources.x import posts as x

_RECORD = b'"%s"' % POSTS.encode()


class ExportProbe(Struct):
    """The fields that distinguish these forms, not decoded yet."""

    type: Raw = Raw()
    record_type: Raw = field(name="$type", default=Raw())
    text: Raw = Raw()
    content: Raw = Raw()
    object: Raw = Raw()
    tweet: Raw = Raw()
    uri: Raw = Raw()
    record: Raw = Raw()
    value: Raw = Raw()
    post: Raw = Raw()
    posts: Raw = Raw()
    feed: Raw = Raw()
    records: Raw = Raw()
    items: Raw = field(name="orderedItems", default=Raw())
    createdAt: Raw = Raw()
    userId: Raw = Raw()
    cw: Raw = Raw()
    renoteId: Raw = Raw()


_list = Decoder(list[Raw])


def parse_export(seen: ExportProbe, line: bytes, at: ParseContext) -> Outcome | Iterator[Outcome] | None:
    """The outcomes of an object in one of these forms; None if it is in none. Raises ValueError or RecursionError."""
    if bytes(seen.record_type) == _RECORD:
        return views.parse_record(line, at)
    if bytes(seen.createdAt) and (bytes(seen.userId) or bytes(seen.cw) or bytes(seen.renoteId)):
        return misskey.parse_note(line, at)
    if bytes(seen.text):  # all others have their text inside
        return None
    if bytes(seen.tweet).startswith(b"{"):
        return x.parse_status(seen.tweet, at)
    if bytes(seen.type) in activitypub.TYPES and (bytes(seen.object) or bytes(seen.content)):
        return activitypub.parse_activity(line, at)
    for page, parse in (
        (seen.items, activitypub.parse_activity),
        (seen.posts, views.parse_view),
        (seen.feed, views.parse_view),
        (seen.records, views.parse_view),
    ):
        if bytes(page).startswith(b"["):
            items = decode(_list, page)
            return _each(items, parse, at) if items else Drop.NOT_A_POST
    inner = bytes(seen.post).startswith(b"{") or bytes(seen.record).startswith(b"{")
    if inner or (bytes(seen.value).startswith(b"{") and bytes(seen.uri).startswith(b'"at://')):
        return views.parse_view(line, at)
    return None


def _each(items: list[Raw], parse: Callable[[Raw, ParseContext], Outcome], at: ParseContext) -> Iterator[Outcome]:
    page = at.name
    for number, item in enumerate(items, 1):
        at.name = f"{page}.{number}"
        try:
            yield parse(item, at) if bytes(item).startswith(b"{") else Drop.NOT_A_POST  # a bare address
        except (ValueError, RecursionError):
            yield Drop.MALFORMED
