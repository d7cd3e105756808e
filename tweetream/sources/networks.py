"""How each network writes a post in JSON: X v1.1 and v2, Mastodon; Bluesky has `jetstream.py`.

Duty: one function for each, from its decoded object to a Post or the reason why there is none; a
later client of the network uses the same. A field of a wrong type is an error of `decode`
(ValueError), which the caller counts. They hold nothing and wait for nothing.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import Retracted
from tweetream.sources.post_builder import ParseContext, decode, make_post, plain, too_long

Told = Post | Drop
Outcome = Told | Retracted
Text = str | None


class _XUser(Struct):
    screen_name: Text = None  # v1.1
    id: str | int | None = None
    username: Text = None  # v2


class _Long(Struct):
    full_text: Text = None  # v1.1
    text: Text = None  # v2


class _Status(Struct):
    id_str: Text = None
    id: int | None = None
    text: Text = None
    full_text: Text = None
    extended_tweet: _Long | None = None
    retweeted_status: "_Status | None" = None
    user: _XUser | None = None
    lang: Text = None
    created_at: Text = None


class _Reference(Struct):
    type: Text = None
    id: Text = None
    text: Text = None  # in flattened tweets the tweet itself is here
    note_tweet: _Long | None = None
    author_id: Text = None
    author: _XUser | None = None
    referenced_tweets: "list[_Reference] | None" = None


class _Tweet(Struct):
    id: str
    text: str
    note_tweet: _Long | None = None
    author_id: Text = None
    author: _XUser | None = None  # in flattened tweets
    referenced_tweets: list[_Reference] | None = None
    lang: Text = None
    created_at: Text = None


class _Includes(Struct):
    users: list[_XUser] | None = None
    tweets: list[_Tweet] | None = None


_status, _tweet, _includes, _list = Decoder(_Status), Decoder(_Tweet), Decoder(_Includes), Decoder(list[Raw])


def x_status(line: bytes, at: ParseContext) -> Outcome:
    """A post of X's API v1.1. The text is that of the post repeated, where there is one, in its longest form."""
    status = decode(_status, line)
    inner = status.retweeted_status or status
    extended = inner.extended_tweet.full_text if inner.extended_tweet else None
    text = extended or inner.full_text or inner.text
    if text is None:
        return Drop.MALFORMED
    number = status.id_str or ("" if status.id is None else str(status.id))
    name = status.user.screen_name if status.user else None
    return _x_post(at, number, text, name, status.lang, status.created_at)


class _Gone(Struct):
    id_str: Text = None
    id: int | None = None


class _Deletion(Struct):
    status: _Gone | None = None


_deletion = Decoder(_Deletion)


def x_deletion(notice: Raw) -> Retracted | Drop:
    """What X's API v1.1 says of a post that was deleted: `{"status": {"id": …}}`."""
    gone = decode(_deletion, notice).status
    if gone is None:  # of something else, as a favourite
        return Drop.NOT_A_POST
    number = gone.id_str or ("" if gone.id is None else str(gone.id))
    return Retracted(f"x:{number}") if re.fullmatch("[0-9]{1,20}", number) else Drop.MALFORMED


def x_page(data: Raw, includes: Raw | None, at: ParseContext) -> Told | Iterator[Told]:
    """What API v2 answers: `data` is a post (streams) or a list of them (pages)."""
    known = decode(_includes, includes) if includes is not None else _Includes()
    if not bytes(data).lstrip().startswith(b"["):
        return x_tweet(data, at, known)
    tweets = decode(_list, data)
    return _x_tweets(tweets, at, known) if tweets else Drop.NOT_A_POST


def _x_tweets(tweets: list[Raw], at: ParseContext, known: _Includes) -> Iterator[Told]:
    for tweet in tweets:
        try:
            yield x_tweet(tweet, at, known)
        except (ValueError, RecursionError):  # one bad post does not take its page with it
            yield Drop.MALFORMED


def x_tweet(data: bytes | Raw, at: ParseContext, known: _Includes | None = None) -> Told:
    """A post of X's API v2, with its author, from `includes` or flattened.

    What it repeats stands in place of its own text, what it quotes below it, each in its longest form.
    """
    tweet, known = decode(_tweet, data), known or _Includes()
    inner = _referenced(tweet, "retweeted", known) or tweet
    text = _whole(inner) or tweet.text
    quoted = _referenced(inner, "quoted", known)
    if quoted and (words := _whole(quoted)):
        name = _name(quoted, known)
        both = f"{text}\n\n{f'@{name}: ' if name else ''}{words}"
        text = text if too_long(both) else both
    return _x_post(at, tweet.id, text, _name(tweet, known), tweet.lang, tweet.created_at)


def _referenced(tweet: _Tweet | _Reference, kind: str, known: _Includes) -> _Tweet | _Reference | None:
    """What a post repeats or quotes, if its text is there: among the includes, or, flattened, in the reference."""
    for reference in tweet.referenced_tweets or ():
        if reference.type == kind:
            found: list[_Tweet | _Reference] = [t for t in known.tweets or () if t.id == reference.id]
            return next(filter(_whole, [*found, reference]), None)
    return None


def _name(tweet: _Tweet | _Reference, known: _Includes) -> Text:
    for user in known.users or ():
        if user.id == tweet.author_id and user.id is not None:
            return user.username
    return tweet.author.username if tweet.author else None


def _whole(tweet: _Tweet | _Reference) -> Text:
    return (tweet.note_tweet and tweet.note_tweet.text) or tweet.text


def _x_post(at: ParseContext, number: str, text: str, name: Text, lang: Text, created: Text) -> Told:
    if number and not (number.isascii() and number.isdigit()):
        return Drop.MALFORMED
    # x.com finds a post by its number alone, when its author is not known.
    path = name if name and re.fullmatch(r"\w{1,50}", name, re.ASCII) else "i"
    url = f"https://x.com/{path}/status/{number}" if number else ""
    # X escapes these three in every text that it sends, and nothing else.
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    id = f"x:{number}" if number else ""
    return make_post(at, "x", text, id=id, created=created, url=url, author=name or "", lang=lang or "")


class _Account(Struct):
    acct: str


class _Toot(Struct):
    id: str | int
    content: str
    account: _Account
    spoiler_text: Text = None
    uri: Text = None
    url: Text = None
    language: Text = None
    created_at: Text = None
    reblog: "_Toot | None" = None


_toot = Decoder(_Toot)


def mastodon(line: bytes | Raw, at: ParseContext, host: str = "") -> Outcome:
    """A status of Mastodon. One that repeats another takes that one's content, below its warning if it has one.

    `host` is the server whose number it has; where nobody knows, as in a file, it is taken from its address.
    """
    toot = decode(_toot, line)
    inner = toot.reblog or toot
    host = host or next(filter(None, (urlsplit(address or "").hostname for address in (toot.uri, toot.url))), "")
    text, warning = plain(inner.content), (inner.spoiler_text or "").strip()
    return make_post(
        at,
        "mastodon",
        f"{warning}\n\n{text}" if warning and text else text or warning,
        id=f"mastodon:{host}/{toot.id}" if host else "",
        created=toot.created_at,
        url=toot.url or inner.url or "",
        author=toot.account.acct,
        lang=toot.language or inner.language or "",
    )


STATUS_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # Mastodon's are digits, those of other servers need not be


def mastodon_deletion(payload: str, host: str) -> Retracted | Drop:
    """What Mastodon says of a status that was deleted: its bare number, that of the server which says so."""
    return Retracted(f"mastodon:{host}/{payload}") if STATUS_ID.fullmatch(payload) else Drop.MALFORMED
