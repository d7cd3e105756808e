"""X's JSON formats of a post, API v1.1 and v2, also as tweepy, twarc and X's own archive write them.

Each function turns a decoded object into a Post, or into the reason to drop it. A message without a usable text makes
`decode_message` raise ValueError; the caller counts it.
"""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import Outcome, PostOrDrop, Retracted
from tweetream.sources.fields import as_number, as_text, decode_message
from tweetream.sources.post_builder import ParseContext, decode, make_post
from tweetream.sources.post_text import beside, first_said, whole_text

_Number = str | int | None  # an id, which exports write in both ways


class _User(Struct):
    screen_name: _Number = None  # v1.1
    id: _Number = None
    username: _Number = None  # v2


class _LongText(Struct):
    full_text: str | None = None  # v1.1
    text: str | None = None  # v2


class _Media(Struct):
    media_key: _Number = None
    alt_text: str | None = None  # v2
    ext_alt_text: str | None = None  # v1.1


class _Entities(Struct):
    media: list[_Media] | None = None


class _Status(Struct):
    id_str: _Number = None
    id: _Number = None
    text: str | None = None
    full_text: str | None = None
    extended_tweet: _LongText | None = None
    extended_entities: _Entities | None = None
    retweeted_status: "_Status | None" = None
    quoted_status: "_Status | None" = None
    user: _User | None = None
    lang: str | None = None
    created_at: Any = None


class _Reference(Struct):
    type: str | None = None
    id: _Number = None
    text: str | None = None  # a flattened tweet holds the whole referenced tweet here
    note_tweet: _LongText | None = None
    author_id: _Number = None
    author: _User | None = None
    referenced_tweets: "list[_Reference] | None" = None


class _Link(Struct):
    title: str | None = None


class _Links(Struct):
    urls: list[_Link] | None = None


class _Attachments(Struct):
    media_keys: list[str | int] | None = None
    poll_ids: list[str | int] | None = None
    media: list[_Media] | None = None  # of a flattened tweet
    poll: "_Poll | None" = None


class _Option(Struct):
    label: str | None = None


class _Poll(Struct):
    id: _Number = None
    options: list[_Option] | None = None


class _Tweet(Struct):
    text: str
    id: _Number = None
    note_tweet: _LongText | None = None
    author_id: _Number = None
    author: _User | None = None  # of a flattened tweet
    referenced_tweets: list[_Reference] | None = None
    entities: _Links | None = None
    attachments: _Attachments | None = None
    lang: str | None = None
    created_at: Any = None


class _Includes(Struct):
    users: list[_User] | None = None
    tweets: list[_Tweet] | None = None
    media: list[_Media] | None = None
    polls: list[_Poll] | None = None


class Known:
    """What a response of API v2 includes beside its posts, by id."""

    def __init__(self, includes: _Includes | None = None) -> None:
        found = includes or _Includes()
        self.users = {as_text(user.id): user for user in found.users} if found.users else {}
        self.tweets = {as_text(tweet.id): tweet for tweet in found.tweets} if found.tweets else {}
        self.media = {as_text(media.media_key): media for media in found.media} if found.media else {}
        self.polls = {as_text(poll.id): poll for poll in found.polls} if found.polls else {}


class _DeletedStatus(Struct):
    id_str: str | None = None
    id: int | None = None


class _Deletion(Struct):
    status: _DeletedStatus | None = None


_status, _deletion = Decoder(_Status), Decoder(_Deletion)
_tweet, _includes, _list = Decoder(_Tweet), Decoder(_Includes), Decoder(list[Raw])
_NOTHING = Known()


def parse_status(line: bytes | Raw, at: ParseContext) -> Outcome:
    """A post of API v1.1. A retweet gets the text of the retweeted post; each text is in its longest form."""
    status = decode_message(_status, line)
    inner = status.retweeted_status or status
    text = _longest_text_v1(inner)
    if inner is not status and not (text and text.strip()):
        inner, text = status, _longest_text_v1(status)
    if text is None:
        return Drop.MALFORMED
    if inner.quoted_status:
        quoted = _longest_text_v1(inner.quoted_status) or ""
        text = whole_text(text, quoted=quoted, quoted_author=_screen_name(inner.quoted_status))
    media = inner.extended_entities.media if inner.extended_entities else None
    also = beside(*[each.ext_alt_text for each in media]) if media else ""
    number = as_number(status.id_str) or as_number(status.id)
    if not number and (status.id_str is not None or status.id is not None):
        return Drop.MALFORMED
    return _make_post(at, number, text, _screen_name(status), status.lang, status.created_at, also)


def _longest_text_v1(status: _Status) -> str | None:
    if status.extended_tweet or status.full_text is not None:
        return first_said(
            status.extended_tweet.full_text if status.extended_tweet else None, status.full_text, status.text
        )
    return status.text


def _screen_name(status: _Status) -> str:
    return as_text(status.user.screen_name) if status.user else ""


def parse_deletion(notice: Raw) -> Retracted | Drop:
    """A deletion notice of API v1.1: `{"status": {"id": …}}`."""
    deleted = decode(_deletion, notice).status
    if deleted is None:  # the deletion of something else, such as a favourite
        return Drop.NOT_A_POST
    number = deleted.id_str or ("" if deleted.id is None else str(deleted.id))
    return Retracted(f"x:{number}") if re.fullmatch("[0-9]{1,20}", number) else Drop.MALFORMED


def parse_tweets(data: Raw, includes: Raw | None, at: ParseContext) -> PostOrDrop | Iterator[PostOrDrop]:
    """A response of API v2: `data` is one post (streams) or a list of posts (pages)."""
    known = _known(includes) if includes is not None else _NOTHING
    if not bytes(data).lstrip().startswith(b"["):
        return parse_tweet(data, at, known)
    tweets = decode(_list, data)
    return _each(tweets, at, known) if tweets else Drop.NOT_A_POST


def _known(includes: Raw) -> Known:
    try:
        return Known(decode_message(_includes, includes))
    except ValueError:
        return _NOTHING


def _each(tweets: list[Raw], at: ParseContext, known: Known) -> Iterator[PostOrDrop]:
    for tweet in tweets:
        try:
            yield parse_tweet(tweet, at, known)
        except (ValueError, RecursionError):  # one bad post does not spoil the page
            yield Drop.MALFORMED


def parse_tweet(data: bytes | Raw, at: ParseContext, known: Known = _NOTHING) -> PostOrDrop:
    """A post of API v2. Its author and the posts that it refers to come from `includes`, or from a flattened tweet.

    The text of a retweeted post replaces its own text; the text of a quoted post is appended. Each text is in its
    longest form.
    """
    tweet = decode_message(_tweet, data)
    number = as_number(tweet.id)
    if not number:
        return Drop.MALFORMED
    text, also = _longest_text(tweet) or tweet.text, ""
    inner: _Tweet | _Reference = tweet
    if tweet.referenced_tweets:
        inner = _referenced(tweet, "retweeted", known) or tweet
        text = _longest_text(inner) or tweet.text
        if quoted := _referenced(inner, "quoted", known):
            text = whole_text(text, quoted=_longest_text(quoted) or "", quoted_author=_author(quoted, known))
    if isinstance(inner, _Tweet) and (inner.attachments or inner.entities):
        text, also = _with_attachments(text, inner, known)
    return _make_post(at, number, text, _author(tweet, known), tweet.lang, tweet.created_at, also)


def _with_attachments(text: str, tweet: _Tweet, known: Known) -> tuple[str, str]:
    """The text with the options of a poll, and what stands beside it: descriptions and titles."""
    titles = [link.title for link in (tweet.entities and tweet.entities.urls) or ()]
    if not (given := tweet.attachments):
        return text, beside(*titles)
    polls = [given.poll, *map(known.polls.get, map(str, given.poll_ids or ()))]
    media = [*(given.media or ()), *filter(None, map(known.media.get, map(str, given.media_keys or ())))]
    options = [option.label or "" for poll in polls if poll for option in poll.options or ()]
    return whole_text(text, options=options), beside(*[each.alt_text for each in media], *titles)


def _referenced(tweet: _Tweet | _Reference, kind: str, known: Known) -> _Tweet | _Reference | None:
    """The post that a post retweets or quotes, if its text is known: from the includes, or from the reference."""
    for reference in tweet.referenced_tweets or ():
        if reference.type == kind:
            found: _Tweet | _Reference | None = known.tweets.get(as_text(reference.id))
            for post in (found, reference):
                if post and (_longest_text(post) or "").strip():
                    return post
    return None


def _author(tweet: _Tweet | _Reference, known: Known) -> str:
    author = known.users.get(as_text(tweet.author_id)) if tweet.author_id is not None else None
    author = author or tweet.author
    return as_text(author.username) if author else ""


def _longest_text(tweet: _Tweet | _Reference) -> str | None:
    return first_said(tweet.note_tweet.text, tweet.text) if tweet.note_tweet else tweet.text


def _make_post(
    at: ParseContext, number: str, text: str, name: str, lang: str | None, created: object, also: str
) -> PostOrDrop:
    # x.com finds a post by its number alone if the author is not known.
    path = name if name and re.fullmatch(r"\w{1,50}", name, re.ASCII) else "i"
    url = f"https://x.com/{path}/status/{number}" if number else ""
    # X escapes these three characters in every text, and no others.
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    id = f"x:{number}" if number else ""
    return make_post(at, "x", text, id=id, created=created, url=url, author=name, lang=lang or "", also=also)
