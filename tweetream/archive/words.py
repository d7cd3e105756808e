"""The words of a text as the search index has them, and the query language: words, "phrases", -word, prefix*.

Letters are folded as topics fold them, and lose their accents. Each letter of a script without spaces is a word of its
own, so that a word of any length is found as a phrase.
"""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

from tweetream.words.characters import SPACELESS, fold, word_pattern

MAX_QUERY = 500  # characters
MAX_TERMS = 20
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')
_ACCENTS = re.compile("[\u0300-\u036f]+")
_ASCII = bytes(ord(chr(i).lower()) if i < 128 and chr(i).isalnum() else 32 for i in range(256))


class BadQuery(ValueError):
    """The text is no query; the message says why."""


class Term(NamedTuple):
    """Words that stand side by side. A `prefix` is the beginning of its last word."""

    words: str
    excluded: bool
    prefix: bool


@cache
def _spaceless() -> re.Pattern[str]:
    return re.compile(f"[{SPACELESS}]")


def indexed(text: str) -> str:
    """The words of a text, in lower case, between single spaces."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII).decode("ascii")
    words = " ".join(word_pattern().findall(fold(text.casefold()))).replace("_", " ")
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", words)))
    return _spaceless().sub(r" \g<0> ", plain)


def parse_query(text: str) -> list[Term]:
    """The terms of a query; all must hold. Raises BadQuery."""
    if len(text) > MAX_QUERY:
        raise BadQuery(f"q has more than {MAX_QUERY} characters")
    terms = []
    for minus, phrase, word in _TERM.findall(text):
        words = " ".join(indexed(phrase or word).split())
        if words:
            terms.append(Term(words, bool(minus), not phrase and word.endswith("*")))
    if not terms:
        raise BadQuery("q has no word to search for")
    if len(terms) > MAX_TERMS:
        raise BadQuery(f"q has more than {MAX_TERMS} words and phrases")
    return terms
