"""The terms of topics as rules of X's filtered stream, and the fewest changes to get from one set of rules to another.

A rule is `macet OR "dki jakarta" OR banjir tol -hujan OR …`, with a language `(macet OR …) lang:in`. Many terms share a
rule, since X limits the number of rules. A rule that need not change stays, since X limits writes as well. These are
plain functions; nothing here connects to X.

X has no parts of words. A term that also wants whole words is asked for by these (`banjir* & tol` by `tol`). An
excluded part is not excluded at X. `banjir*` alone is asked for by the word `banjir`: `narrowed` says so.

Limits. X compares words in its own way. It does not send a post where it splits the text differently from
`tweetream.text` (scripts without spaces, accents written in two ways, the words of a hashtag's capitals), or finds no
phrase across a comma. It leaves out a post whose @name is an excluded word.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tweetream.models.post import size_of
from tweetream.models.topic import BadTopic
from tweetream.words.terms import Term, parse

MOST_RULES = 1000
MOST_CHARACTERS = 1024  # of a rule; counted in bytes here, since X does not define a character
_OR = " OR "
_BARE = re.compile("[a-z][a-z0-9]*")
_OPERATORS = frozenset(("and", "or", "not"))  # X calls these ambiguous without quotes, in any case
_PART = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
Terms = frozenset[str]


def words_of(tracks: Mapping[str, Iterable[str]]) -> tuple[Terms, list[str]]:
    """The terms that X is asked for, and the names of topics that want every post; no rule can express those."""
    terms: set[str] = set()
    every: dict[str, None] = {}
    for name, _, term in _parsed(tracks):
        if not term.wanted:
            every[name] = None
        elif at_x := _at_x(term):
            terms.add(at_x)
    return frozenset(terms), list(every)


def narrowed(tracks: Mapping[str, Iterable[str]]) -> list[str]:
    """A line for each term of which X does not send all posts, since it has no rule for parts of words."""
    lines = []
    for name, given, term in _parsed(tracks):
        if term.wanted and all("*" in atom for atom in term.wanted):
            at_x = _at_x(term)
            instead = f"it is asked for {at_x!r} only" if at_x else "it is not asked for"
            lines.append(f"topic {name}: X has no rule for parts of words as in {given!r}; {instead}")
    return lines


def _parsed(tracks: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str, Term]]:
    for name, track in tracks.items():
        for given in track:
            try:
                yield name, given, parse(given)
            except BadTopic:  # it matches nothing here either
                continue


def _at_x(term: Term) -> str:
    """The term without parts of words: a wider one if a whole word is wanted, else a narrower one; "" if none is."""
    wanted = [atom for atom in term.wanted if "*" not in atom] or [atom.strip("*") for atom in term.wanted]
    unwanted = [atom for atom in term.unwanted if "*" not in atom]
    try:
        return str(parse(str(Term(tuple(wanted), tuple(unwanted)))))
    except BadTopic:  # `banjir* -banjir`
        return ""


def quoted(term: str) -> str:
    """A term as part of a rule. A normalised term contains no quotes but ours, so nothing needs escaping."""
    wanted, *unwanted = re.split(" (?=-)", term)
    without = [f"-{_quoted(atom[1:].strip(chr(34)))}" for atom in unwanted]
    return " ".join([*map(_quoted, wanted.split(" & ")), *without])


def _quoted(words: str) -> str:
    return words if _BARE.fullmatch(words) and words not in _OPERATORS else f'"{words}"'


def _unquoted(clause: str) -> str:
    """The term of a part of a rule that `quoted` made."""
    parts = _PART.findall(clause)
    wanted = tuple(phrase or word for minus, phrase, word in parts if not minus)
    return str(Term(wanted, tuple(phrase or word for minus, phrase, word in parts if minus)))


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
        terms = frozenset(map(_unquoted, value.split(_OR)))
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
