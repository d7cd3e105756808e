"""Topics' words as rules of X's filtered stream, and the least changes from the rules there to those wanted.

A rule is `macet OR "dki jakarta" OR …`, with a language `(macet OR …) lang:in`. Many words share a rule, since X counts
rules; a rule that need not change is left as it is, since X counts writes as well. Plain functions: nothing here
talks to X.

Limits. X compares words in its own way: where it splits a text otherwise than `tweetream.text` does (scripts without
spaces, accents written in two ways), or finds no phrase across a comma, it does not send the post.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tweetream.matching import EVERYTHING
from tweetream.models.post import size_of
from tweetream.text import normalise

MOST_RULES = 1000
MOST_CHARACTERS = 1024  # of a rule; counted in bytes here, whatever X may call a character
_OR = " OR "
_BARE = re.compile("[a-z][a-z0-9]*")
_OPERATORS = frozenset(("and", "or", "not"))  # X calls these ambiguous without quotes, whatever their case
Terms = frozenset[str]


def words_of(tracks: Mapping[str, Iterable[str]]) -> tuple[Terms, list[str]]:
    """The words and phrases of all topics, and the names of the topics that want every post, which no rule can say."""
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
    """A word or a phrase as a rule has it. A normalised term holds no quotes that would have to be escaped."""
    return term if _BARE.fullmatch(term) and term not in _OPERATORS else f'"{term}"'


class Form(NamedTuple):
    """How the rules of one source look: the languages it asks for, as X names them."""

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
        """How long the rule for these terms is."""
        return size_of(self.value(terms))

    @property
    def _suffix(self) -> str:
        languages = _OR.join(f"lang:{lang}" for lang in self.langs)
        return f" ({languages})" if len(self.langs) > 1 else f" {languages}"


class Plan(NamedTuple):
    """Rules to add, by their terms, and ids of those to delete. `left_out` finds no room."""

    add: list[Terms]
    delete: list[str]
    left_out: Terms = frozenset()


def plan(
    form: Form,
    there: Mapping[str, Terms | None],
    wanted: Terms,
    most: int = MOST_RULES,
    apart: Mapping[str, int] | None = None,
) -> Plan:
    """From our rules that are `there`, by id (None: not of our form), to at most so many that cover `wanted`.

    A rule stays if all its terms are wanted and no other that stays has one of them. `apart` are terms of rules that
    X has refused: they go into rules of their own, so many terms together at most.
    """
    kept: dict[str, Terms] = {}
    pool = set(wanted)
    for id, terms in sorted(there.items(), key=lambda rule: (-len(rule[1] or ()), rule[0])):
        if terms and terms <= pool:
            kept[id] = terms
            pool -= terms
    add = _filled_up(form, kept, pool, apart or {})
    if len(kept) + len(add) > most:
        dense = _packed(form, wanted)
        if len(dense) <= most:
            kept = {id: terms for id, terms in kept.items() if terms in dense}
            add = [terms for terms in dense if terms not in kept.values()]
    room = max(0, most - len(kept))
    left_out = frozenset().union(*add[room:])
    return Plan(add[:room], sorted(there.keys() - kept.keys()), left_out)


def _filled_up(form: Form, kept: dict[str, Terms], pool: set[str], apart: Mapping[str, int]) -> list[Terms]:
    """Rules for the pool. The smallest of `kept` are taken out and go into them while they fit."""
    groups: dict[int, list[str]] = {}
    for term in sorted(pool):
        groups.setdefault(apart.get(term, 0), []).append(term)
    add = _packed(form, groups.pop(0, ()))
    for id in sorted(kept, key=lambda id: (form.size(kept[id]), id)) if add else ():
        emptiest = min(range(len(add)), key=lambda index: form.size(add[index]))
        both = add[emptiest] | kept[id]
        if form.size(both) > MOST_CHARACTERS:
            break
        add[emptiest] = both
        del kept[id]
    for together, terms in sorted(groups.items()):
        for start in range(0, len(terms), together):
            add += _packed(form, terms[start : start + together])
    return add


def _packed(form: Form, terms: Iterable[str]) -> list[Terms]:
    """The terms, in their order, in as few rules as hold them. Each fits one, having 100 characters at most."""
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
