"""The words of topics as rules of X's filtered stream, and the fewest changes to get from one set of rules to another.

A rule is `macet OR "dki jakarta" OR …`, with a language `(macet OR …) lang:in`. Many words share a rule, since X limits
the number of rules. A rule that need not change stays, since X limits writes as well. These are plain functions;
nothing here connects to X.

Limits. X compares words in its own way. It does not send a post where it splits the text differently from
`tweetream.text` (scripts without spaces, accents written in two ways), or finds no phrase across a comma.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tweetream.models.post import size_of
from tweetream.terms import EVERYTHING
from tweetream.text import normalise

MOST_RULES = 1000
MOST_CHARACTERS = 1024  # of a rule; counted in bytes here, since X does not define a character
_OR = " OR "
_BARE = re.compile("[a-z][a-z0-9]*")
_OPERATORS = frozenset(("and", "or", "not"))  # X calls these ambiguous without quotes, in any case
Terms = frozenset[str]


def words_of(tracks: Mapping[str, Iterable[str]]) -> tuple[Terms, list[str]]:
    """The words and phrases of all topics, and the names of topics that want every post; no rule can express those."""
    terms: set[str] = set()
    every = []
    for name, track in tracks.items():
        for term in track:
            if term.strip() == EVERYTHING:
                every.append(name)
            elif words := normalise(term):
                terms.add(words)
    return frozenset(terms), every


def quoted(term: str) -> str:
    """A word or a phrase as part of a rule. A normalised term contains no quotes, so nothing needs escaping."""
    return term if _BARE.fullmatch(term) and term not in _OPERATORS else f'"{term}"'


class Form(NamedTuple):
    """The form of the rules of one source: the languages that it asks for, as X names them."""

    langs: tuple[str, ...] = ()

    def value(self, terms: Iterable[str]) -> str:
        """The rule for these terms."""
        body = _OR.join(map(quoted, sorted(terms)))
        return f"({body}){self._suffix}" if self.langs else body

    def terms(self, value: str) -> Terms | None:
        """The terms of a rule; None if it is not of this form."""
        if self.langs:
            if not value.startswith("(") or not value.endswith(f"){self._suffix}"):
                return None
            value = value[1 : -len(self._suffix) - 1]
        terms = frozenset(part.strip('"') for part in value.split(_OR))
        return terms if value == _OR.join(map(quoted, sorted(terms))) else None

    def size(self, terms: Iterable[str]) -> int:
        """The length of the rule for these terms."""
        return size_of(self.value(terms))

    @property
    def _suffix(self) -> str:
        languages = _OR.join(f"lang:{lang}" for lang in self.langs)
        return f" ({languages})" if len(self.langs) > 1 else f" {languages}"


class Plan(NamedTuple):
    """Rules to add, by their terms, and ids of rules to delete. There is no room for the terms in `left_out`."""

    add: list[Terms]
    delete: list[str]
    left_out: Terms = frozenset()


def plan(
    form: Form,
    present: Mapping[str, Terms | None],
    wanted: Terms,
    most: int = MOST_RULES,
    split_limits: Mapping[str, int] | None = None,
) -> Plan:
    """Plan the changes from our `present` rules, by id (None: not of our form), to at most `most` that cover `wanted`.

    A rule stays if all its terms are wanted and no other rule that stays has one of them. `split_limits` holds the
    terms of rules that X has rejected: they go into separate rules, each with at most that number of terms.
    """
    kept: dict[str, Terms] = {}
    pool = set(wanted)
    for id, terms in sorted(present.items(), key=lambda rule: (-len(rule[1] or ()), rule[0])):
        if terms and terms <= pool:
            kept[id] = terms
            pool -= terms
    add = _fill_up(form, kept, pool, split_limits or {})
    if len(kept) + len(add) > most:
        dense = _packed(form, wanted)
        if len(dense) <= most:
            kept = {id: terms for id, terms in kept.items() if terms in dense}
            add = [terms for terms in dense if terms not in kept.values()]
    room = max(0, most - len(kept))
    left_out = frozenset().union(*add[room:])
    return Plan(add[:room], sorted(present.keys() - kept.keys()), left_out)


def _fill_up(form: Form, kept: dict[str, Terms], pool: set[str], split_limits: Mapping[str, int]) -> list[Terms]:
    """Make rules for the pool. The smallest rules of `kept` are merged into them while they fit."""
    groups: dict[int, list[str]] = {}
    for term in sorted(pool):
        groups.setdefault(split_limits.get(term, 0), []).append(term)
    add = _packed(form, groups.pop(0, ()))
    for id in sorted(kept, key=lambda id: (form.size(kept[id]), id)) if add else ():
        emptiest = min(range(len(add)), key=lambda index: form.size(add[index]))
        both = add[emptiest] | kept[id]
        if form.size(both) > MOST_CHARACTERS:
            break
        add[emptiest] = both
        del kept[id]
    for limit, terms in sorted(groups.items()):
        for start in range(0, len(terms), limit):
            add += _packed(form, terms[start : start + limit])
    return add


def _packed(form: Form, terms: Iterable[str]) -> list[Terms]:
    """The terms, in order, in as few rules as possible. A term has at most 100 characters, so it fits one rule."""
    packed: list[Terms] = []
    frame = form.size(())
    held: list[str] = []
    size = frame
    for term in sorted(terms):
        more = size_of(quoted(term)) + len(_OR)
        if held and size + more - len(_OR) > MOST_CHARACTERS:
            packed.append(frozenset(held))
            held, size = [], frame
        held.append(term)
        size += more
    if held:
        packed.append(frozenset(held))
    return packed
