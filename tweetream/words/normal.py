r"""What a word is: `normalise` brings a text to its words, for topics and classifier alike.

First entities are decoded, case is folded, and addresses and @names are removed. Then a word is a run of letters,
digits and underscores with their combining marks (`\w` of regular expressions), without underscores at its ends. All
other characters (a hyphen, a full stop, an emoji, NUL, U+2028) only separate words. So `#lancar`, `lancar-lancar` and
`LANCAR...` have the word `lancar`; `lancar2`, `kelancaran` and `info_lancar` are other words.

Nearly all posts are ASCII, and take a table look-up. The others are folded (`characters`), so that full-width letters,
ligatures, the two ways to write an accent, and the Turkish `İ` and `ı` compare equal. Invisible characters inside words
(soft hyphens, joiners, tatweel) are removed. Accents are kept: `jalán` is not `jalan`.

Japanese, Chinese, Thai, Khmer, Lao and Burmese have no spaces between words. A run of them is one word here, also
beside other letters, and `terms` looks inside it. The words of a hashtag's capitals, `jakarta macet` of
`#JakartaMacet`, stand beside the text, where topics find them and the classifier does not.

Limits. An address has a scheme, or begins with `www.`, or has a common domain ending and a path; a bare `detik.com`
stays as two words. A mention is ASCII, as the networks have it. Emoji are not words. In a text outside ASCII, 1,024
characters without a space or a full stop can be cut inside a word.
"""

import html
import re
from functools import lru_cache

from tweetream.words.characters import SPACELESS, capitals, fold, word_pattern
from tweetream.words.giving_way import giving_way

_SUFFIX = r"\.(?:com|co|net|org|edu|gov|info|id|my|sg|io|ly|gl|me|tv|be|app|dev|social|news|blog|xyz)"

# Only entities that end with a semicolon: html.unescape alone reads `salam&parade` as a pilcrow and `de`, and raises an
# error for a number with thousands of digits.
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
# All patterns below expect folded text. The possessive `++` prevents backtracking in a long run of letters or dots.
# A t.co address ends with its code, even if other characters follow at once. Other addresses end at the first character
# that RFC 3986 does not allow, so a word in another script that follows at once is kept.
_IN_URL = r"[!#-;=?\[\]_a-z~@]"
_LETTER = rf"[^\W{SPACELESS}]"  # of a script with spaces
_URL = re.compile(rf"https?://(?:t\.co/[0-9a-z]++|{_IN_URL}++)")
_ANY_URL = re.compile(_URL.pattern, re.IGNORECASE)  # of a text that is not folded yet
_WWW = re.compile(rf"(?<!{_LETTER})www\.{_IN_URL}++")
_BARE_URL = re.compile(rf"(?<![0-9a-z_.@-])[0-9a-z-]++(?:\.[0-9a-z-]++)*{_SUFFIX}/{_IN_URL}*+")
# @user, Mastodon's @user@host, Bluesky's @user.host.tld. Names are ASCII, so a word in another script that follows at
# once is kept; an accented letter there makes it no name. A name with dots counts only if it ends like a host, since
# people write the next word directly after a full stop.
_USER = r"[0-9a-z_]++(?![\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff])"
_NAME = re.compile(
    rf"@{_USER}(?:(?:[.-][0-9a-z_]++)*+@{_LETTER}++(?:[.-]{_LETTER}++)*+|(?:[.-][0-9a-z_]++)*{_SUFFIX}(?![0-9a-z_]))?"
)
_OUTER_UNDERSCORES = re.compile(r"(?<!\w)_++|(?<!_)_++(?!\w)")
# A call into C holds the interpreter until it ends, and one character can become eighteen. So a long text outside ASCII
# is worked on in parts, between which other threads run (`giving_way`). A part ends before a space, or else after a
# full stop of a script without spaces, or else anywhere.
_PART = 1_024  # characters
_PARTS = re.compile(rf"(?s).{{1,{_PART}}}(?!\S)|.{{1,{_PART - 1}}}[、。！，．：；？…]|.{{{_PART}}}")
_KNOWN = 128  # characters of a hashtag's words that are remembered
_ASCII = bytes(ord(chr(i).lower()) if i < 128 and (chr(i).isalnum() or chr(i) == "_") else 32 for i in range(256))


class Words(str):
    """Normalised text, with the words of its hashtags' capitals beside it: `capitals` is ` words words … `."""

    __slots__ = ("capitals",)
    capitals: str


def normalise(text: str) -> str:
    """The words of `text`, folded and joined by single spaces; the terms of a topic's `track` are normalised too.

    It is Words if a hashtag has capitals inside.
    """
    if "&" in text:
        text = ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if len(text) > _PART and not text.isascii():
        return _with_capitals(text, " ".join(filter(None, map(_words, giving_way(_PARTS.findall(text))))))
    if "#" in text or (not text.isascii() and "\uff03" in text):
        return _with_capitals(text, _words(text))
    return _words(text)


def _with_capitals(text: str, words: str) -> str:
    if not (found := capitals(_ANY_URL.sub(" ", text) if "://" in text else text)):
        return words
    tagged = Words(words)
    tagged.capitals = "".join([_known_beside(each) if len(each) <= _KNOWN else _beside(each) for each in found])
    return tagged


def _beside(words: str) -> str:
    return f"\n {_words(words)} "


_known_beside = lru_cache(maxsize=4096)(_beside)


def _words(text: str) -> str:
    text = text.casefold()
    if "://" in text:
        text = _URL.sub(" ", text)
    if "www." in text:
        text = _WWW.sub(" ", text)
    if not (plain := text.isascii()):
        text = fold(text)
    if "/" in text:
        text = _BARE_URL.sub(" ", text)
    if "@" in text:
        text = _NAME.sub(" ", text)
    if "_" in text:
        text = _OUTER_UNDERSCORES.sub(" ", text)
    # bytes.translate is the fastest, and bytes know only ASCII's spaces, so a rare separator cannot pass.
    if plain or text.isascii():
        return " ".join(text.encode("ascii").translate(_ASCII).decode("ascii").split())
    return " ".join(word_pattern().findall(text))
