"""X's JSON formats of a post, API v1.1 and v2.

Each function turns a decoded object into a Post, or into the reason to drop it. A field of a wrong type makes `decode`
raise ValueError; the caller counts it.
"""

import re
from collections.abc import Iterator

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import Outcome, PostOrDrop, Retracted
from tweetream.sources.post_builder import ParseContext, decode, make_post, too_long


class _User(Struct):
    screen_name: str | None = None  # v1.1
    id: str | int | None = None
    username: str | None = None  # v2


class _LongText(Struct):
    full_text: str | None = None  # v1.1
    text: str | None = None  # v2


class _Status(Struct):
    id_str: str | None = None
    id: int | None = None
    text: str | None = None
    full_text: str | None = None
    extended_tweet: _LongText | None = None
    retweeted_status: "_Status | None" = None
    user: _User | None = None
    lang: str | None = None
    created_at: str | None = None


class _Reference(Struct):
    type: str | None = None
    id: str | None = None
    text: str | None = None  # a flattened tweet holds the whole referenced tweet here
    note_tweet: _LongText | None = None
    author_id: str | None = None
    author: _User | None = None
    referenced_tweets: "list[_Reference] | None" = None


class _Tweet(Struct):
    id: str
    text: str
    note_tweet: _LongText | None = None
    author_id: str | None = None
    author: _User | None = None  # of a flattened tweet
    referenced_tweets: list[_Reference] | None = None
    lang: str | None = None
    created_at: str | None = None


class _Includes(Struct):
    users: list[_User] | None = None
    tweets: list[_Tweet] | None = None


class _DeletedStatus(Struct):
    id_str: str | None = None
    id: int | None = None


class _Deletion(Struct):
    status: _DeletedStatus | None = None


_status, _deletion = Decoder(_Status), Decoder(_Deletion)
_tweet, _includes, _list = Decoder(_Tweet), Decoder(_Includes), Decoder(list[Raw])


def parse_status(line: bytes, at: ParseContext) -> Outcome:
    """A post of API v1.1. A retweet gets the text of the retweeted post, in its longest form."""
    status = decode(_status, line)
    inner = status.retweeted_status or status
    extended = inner.extended_tweet.full_text if inner.extended_tweet else None
    text = extended or inner.full_text or inner.text
    if text is None:
        return Drop.MALFORMED
    name = status.user.screen_name if status.user else None
    return _make_post(at, _number(status), text, name, status.lang, status.created_at)


def parse_deletion(notice: Raw) -> Retracted | Drop:
    """A deletion notice of API v1.1: `{"status": {"id": …}}`."""
    deleted = decode(_deletion, notice).status
    if deleted is None:  # the deletion of something else, such as a favourite
        return Drop.NOT_A_POST
    number = _number(deleted)
    return Retracted(f"x:{number}") if re.fullmatch("[0-9]{1,20}", number) else Drop.MALFORMED


def _number(status: _Status | _DeletedStatus) -> str:
    return status.id_str or ("" if status.id is None else str(status.id))


def parse_tweets(data: Raw, includes: Raw | None, at: ParseContext) -> PostOrDrop | Iterator[PostOrDrop]:
    """A response of API v2: `data` is one post (streams) or a list of posts (pages)."""
    known = decode(_includes, includes) if includes is not None else _Includes()
    if not bytes(data).lstrip().startswith(b"["):
        return parse_tweet(data, at, known)
    tweets = decode(_list, data)
    return _each(tweets, at, known) if tweets else Drop.NOT_A_POST


def _each(tweets: list[Raw], at: ParseContext, known: _Includes) -> Iterator[PostOrDrop]:
    for tweet in tweets:
        try:
            yield parse_tweet(tweet, at, known)
        except (ValueError, RecursionError):  # one bad post does not spoil the page
            yield Drop.MALFORMED


def parse_tweet(data: bytes | Raw, at: ParseContext, known: _Includes | None = None) -> PostOrDrop:
    """A post of API v2. Its author and the posts that it refers to come from `includes`, or from a flattened tweet.

    The text of a retweeted post replaces its own text; the text of a quoted post is appended. Each text is in its
    longest form.
    """
    tweet, known = decode(_tweet, data), known or _Includes()
    inner = _referenced(tweet, "retweeted", known) or tweet
    text = _longest_text(inner) or tweet.text
    quoted = _referenced(inner, "quoted", known)
    if quoted and (words := _longest_text(quoted)):
        name = _author(quoted, known)
        both = f"{text}\n\n{f'@{name}: ' if name else ''}{words}"
        text = text if too_long(both) else both
    return _make_post(at, tweet.id, text, _author(tweet, known), tweet.lang, tweet.created_at)


def _referenced(tweet: _Tweet | _Reference, kind: str, known: _Includes) -> _Tweet | _Reference | None:
    """The post that a post retweets or quotes, if its text is known: from the includes, or from the reference."""
    for reference in tweet.referenced_tweets or ():
        if reference.type == kind:
            found: list[_Tweet | _Reference] = [t for t in known.tweets or () if t.id == reference.id]
            return next(filter(_longest_text, [*found, reference]), None)
    return None


def _author(tweet: _Tweet | _Reference, known: _Includes) -> str | None:
    for user in known.users or ():
        if user.id == tweet.author_id and user.id is not None:
            return user.username
    return tweet.author.username if tweet.author else None


def _longest_text(tweet: _Tweet | _Reference) -> str | None:
    return (tweet.note_tweet and tweet.note_tweet.text) or tweet.text


def _make_post(
    at: ParseContext, number: str, text: str, name: str | None, lang: str | None, created: str | None
) -> PostOrDrop:
    if number and not (number.isascii() and number.isdigit()):
        return Drop.MALFORMED
    # x.com finds a post by its number alone if the author is not known.
    path = name if name and re.fullmatch(r"\w{1,50}", name, re.ASCII) else "i"
    url = f"https://x.com/{path}/status/{number}" if number else ""
    # X escapes these three characters in every text, and no others.
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    id = f"x:{number}" if number else ""
    return make_post(at, "x", text, id=id, created=created, url=url, author=name or "", lang=lang or "")
