"""Which stored texts can match a track: a rule that a database applies to many, before the exact one looks at the rest.

It lets pass too many, and never too few. Of a text that is ASCII without an entity, each normalised word is a part of
it, in upper or lower case; so a text without the letters of a term's words cannot match. Of other texts that holds too,
unless they have one of a few characters that become ASCII letters or vanish. These pass.
"""

import re
from collections.abc import Iterable

from sqlalchemy import ColumnElement, TextClause, text, true

from tweetream.models.topic import BadTopic
from tweetream.words.terms import parse

MANY = 20  # terms, from which on the exact rule is as quick
# Ligatures, full-width and mathematical letters, superscripts, fractions, units; soft hyphens, joiners and the like.
_BECOMES_ASCII = re.compile(
    "[&\xaa\xad\xb2\xb3\xb9\xba\xbc-\xbe\xdf\u0130-\u017f\u01c4-\u01f3\u02b0-\u0307\u034f\u061c\u0640\u07fa\u180b-\u180f"
    "\u1d2c-\u1dbb\u1e9a-\u1e9e\u200c-\u200f\u202a-\u202e\u2060-\u20a8\u2100-\u2189\u2460-\u24ea\u2c7c\u2c7d"
    "\u3250-\u33ff\ua7f2-\ua7f4\ufb00-\ufb06\ufe00-\ufe4f\ufeff-\uff5a\U000107a5\U0001d400-\U0001d7ff"
    "\U0001f100-\U0001f190\U0001fbf0-\U0001fbf9\U000e0100-\U000e01ef]"
)


_OTHERS = {
    "sqlite": "length(posts.text) < length(CAST(posts.text AS BLOB)) OR instr(posts.text, '&')",
    "postgresql": "octet_length(posts.text) > length(posts.text) OR strpos(posts.text, '&') > 0",
}
_HAS = {"sqlite": "posts.text LIKE {}", "postgresql": 'posts.text COLLATE "C" ILIKE {}'}  # A to Z like a to z


class Prefilter:
    """The rule for one track."""

    def __init__(self, track: Iterable[str]) -> None:
        self._terms: set[frozenset[str]] = set()  # for each term the words that a text needs
        for term in track:
            try:
                wanted, _ = parse(term)
            except BadTopic:  # it matches nothing
                continue
            self._terms.add(frozenset(word for atom in wanted for word in atom.strip("*").split()))
        self.every = frozenset() in self._terms  # each text passes

    def passes(self, text: str) -> bool:
        """Whether a text can match."""
        if self.every or len(self._terms) > MANY or _BECOMES_ASCII.search(text):
            return True
        lower, other = text.lower(), not text.isascii()
        return any(all(word in lower if word.isascii() else other for word in words) for words in self._terms)

    def condition(self, dialect: str) -> ColumnElement[bool] | TextClause:
        """The rule as a condition on the table of posts. It lets some more texts pass."""
        if self.every:
            return true()
        parts, values = [_OTHERS[dialect]], dict[str, str]()
        for words in self._terms:
            needed = sorted(filter(str.isascii, words))
            if len(needed) == len(words):  # else only texts that pass already
                names = [f"word_{len(values) + number}" for number in range(len(needed))]
                parts.append(" AND ".join(_HAS[dialect].format(f":{name}") for name in names))
                values |= {name: f"%{word}%" for name, word in zip(names, needed, strict=True)}
        return text(f"({' OR '.join(f'({part})' for part in parts)})").bindparams(**values)
