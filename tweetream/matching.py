"""Finds the topics of a post: one pass of Aho-Corasick over its normalised text, for any number of topics.

`words.terms` says what a term may ask for. Text and terms are normalised in the same way and padded with spaces, so
that the edges of words are characters to look for like all others: ` lancar jaya ` is the phrase, ` banjir` the
beginning of a word, and `渋滞` is found inside a run of letters.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ahocorasick_rs import AhoCorasick

from tweetream.models.topic import MAX_TERM, MAX_TERMS, BadTopic
from tweetream.words.normal import Words, normalise
from tweetream.words.terms import key, parse

SHOWN = 5  # posts of a preview


def _checked(term: object) -> str:
    if not isinstance(term, str):
        raise BadTopic("a term of track must be a text")
    if len(term) > MAX_TERM:
        raise BadTopic(f"a term of track has at most {MAX_TERM} characters")
    return term


def _listed(terms: object) -> Sequence[object]:
    if not isinstance(terms, list | tuple):
        raise BadTopic("track must be a list of texts")
    if not 1 <= len(terms) <= MAX_TERMS:
        raise BadTopic(f"track has 1 to {MAX_TERMS} terms")
    return terms


def normalise_track(terms: object) -> tuple[str, ...]:
    """`terms` in a form in which two tracks can be compared: normalised, each once, sorted. Raises BadTopic.

    It accepts any object, since it gets JSON from outside.
    """
    return tuple(sorted({str(parse(_checked(term))) for term in _listed(terms)}))


def warnings(track: object) -> list[str]:
    """A line for each term that can match nothing, or that no topic can have: empty if all is well.

    It raises BadTopic only if `track` is no list of 1 to 100.
    """
    lines = []
    for term in _listed(track):
        try:
            parse(_checked(term))
        except BadTopic as error:
            lines.append(str(error))
    return list(dict.fromkeys(lines))


def preview(track: Sequence[str], texts: Iterable[str]) -> tuple[int, list[int]]:
    """How many of `texts`, as they were written, the track matches, and the indices of the first five.

    A term that `warnings` names matches nothing here. It takes about 10 µs a text: many belong into a thread.
    """
    match = Matcher({"": track}).match
    found = [index for index, text in enumerate(texts) if match(normalise(text))]
    return len(found), found[:SHOWN]


_Others = tuple[frozenset[int], frozenset[int]]  # of a term, besides one atom: the wanted ones and the unwanted ones


class Matcher:
    """The topics as one automaton. It never changes: when topics change, a new Matcher is built.

    The automaton finds atoms, by number. Few sets of atoms occur, so the topics of each set are remembered.
    """

    _SETS, _SET = 4096, 64  # sets that are remembered, and atoms of one

    def __init__(self, topics: Mapping[str, Iterable[str]]) -> None:
        """`topics` maps each key to its terms. A term that can match nothing is left out."""
        self._keys = tuple(topics)
        self._numbers: dict[str, int] = {}
        self._alone: list[list[int]] = []  # by atom: the topics with a term of this atom only
        self._together: list[dict[int, list[_Others]]] = []  # by the rarest of a term's atoms, and by topic
        self._every: list[tuple[int, frozenset[int]]] = []  # the topics of every post, but for those with these atoms
        several = [found for number, terms in enumerate(topics.values()) for found in self._add_all(number, terms)]
        # By the rarest one, so that a word of most terms and most posts does not make each post ask all the terms.
        terms_with = Counter(atom for _, wanted, _ in several for atom in wanted)
        for number, wanted, unwanted in several:
            rarest = min(wanted, key=lambda atom: (terms_with[atom], atom))
            self._together[rarest].setdefault(number, []).append((wanted - {rarest}, unwanted))
        self._search = AhoCorasick(self._numbers, store_patterns=False).find_matches_as_indexes
        self._found: dict[frozenset[int], tuple[str, ...]] = {}
        self._default = self._topics(frozenset())  # of a post with no atom, as most are

    def _add_all(self, topic: int, terms: Iterable[str]) -> Iterator[tuple[int, frozenset[int], frozenset[int]]]:
        """Add the terms of a topic. It gives those of several atoms instead: the topic, the wanted, the unwanted."""
        for term in terms:
            try:
                wanted, unwanted = parse(term)
            except BadTopic:
                continue
            atoms = frozenset(map(self._number, wanted))
            without = frozenset(map(self._number, unwanted))
            if not wanted:
                self._every.append((topic, without))
            elif len(atoms) > 1 or without:
                yield topic, atoms, without
            else:
                self._alone[next(iter(atoms))].append(topic)

    def _number(self, atom: str) -> int:
        number = self._numbers.setdefault(key(atom), len(self._numbers))
        if number == len(self._alone):
            self._alone.append([])
            self._together.append({})
        return number

    def match(self, normalised: str) -> tuple[str, ...]:
        """The keys whose terms are in `normalised`, which comes from normalise(): each once, in the mapping's order."""
        text = f" {normalised} {normalised.capitals}" if type(normalised) is Words else f" {normalised} "
        found = self._search(text, True)
        if not found:
            return self._default
        atoms = frozenset([number for number, _, _ in found])
        keys = self._found.get(atoms)
        return self._topics(atoms) if keys is None else keys

    def _topics(self, atoms: frozenset[int]) -> tuple[str, ...]:
        topics = {topic for topic, without in self._every if without.isdisjoint(atoms)}
        for atom in atoms:
            topics.update(self._alone[atom])
            for topic, terms in self._together[atom].items():
                if topic not in topics and any(others <= atoms and no.isdisjoint(atoms) for others, no in terms):
                    topics.add(topic)
        keys = tuple([self._keys[topic] for topic in sorted(topics)])
        if len(atoms) <= self._SET:  # a post made of the words of all topics would be half a megabyte
            if len(self._found) >= self._SETS:
                self._found.clear()
            self._found[atoms] = keys
        return keys
