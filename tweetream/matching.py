"""Finds the topics of a post: one pass of Aho-Corasick over its normalised text, for any number of topics.

Terms match whole words and phrases, since text and terms are padded with spaces. Terms are normalised like the text, so
case, `#` and punctuation do not matter: `lancar jaya` also finds `lancar, jaya`.

Limit: words are those of `tweetream.text`. In scripts without spaces between words (Japanese, Chinese, Thai) a run of
letters is one word, so a term is found only where spaces, punctuation or a `#` separate it.
"""

from collections.abc import Iterable, Mapping

import ahocorasick

from tweetream.models.topic import MAX_TERM, MAX_TERMS, BadTopic
from tweetream.text import normalise

EVERYTHING = "*"


def _normalise_term(term: object) -> str:
    if not isinstance(term, str):
        raise BadTopic("a term of track must be a text")
    if len(term) > MAX_TERM:
        raise BadTopic(f"a term of track has at most {MAX_TERM} characters")
    if term.strip() == EVERYTHING:
        return EVERYTHING
    words = normalise(term)
    if len(words) > MAX_TERM:
        raise BadTopic(f"a term of track has at most {MAX_TERM} characters, also when it is normalised")
    if not words:
        raise BadTopic(f"no words in the term {term!r}: addresses, @names and emoji are not matched")
    return words


def normalise_track(terms: object) -> tuple[str, ...]:
    """`terms` in a form in which two tracks can be compared: normalised, each once, sorted. Raises BadTopic.

    It accepts any object, since it gets JSON from outside.
    """
    if not isinstance(terms, list | tuple):
        raise BadTopic("track must be a list of texts")
    if not 1 <= len(terms) <= MAX_TERMS:
        raise BadTopic(f"track has 1 to {MAX_TERMS} terms")
    return tuple(sorted({_normalise_term(term) for term in terms}))


def warnings(track: object) -> list[str]:
    """A line for each term that can match nothing. Raises BadTopic if `track` is no list of 1 to 100."""
    if not isinstance(track, list | tuple) or not 1 <= len(track) <= MAX_TERMS:
        raise BadTopic(f"track has 1 to {MAX_TERMS} terms")
    lines = []
    for term in track:
        try:
            _normalise_term(term)
        except BadTopic as error:
            lines.append(str(error))
    return list(dict.fromkeys(lines))


def preview(track: Iterable[str], texts: Iterable[str]) -> tuple[int, list[int]]:
    """How many of `texts`, as they were written, the track matches, and the indices of the first five."""
    match = Matcher({"": track}).match
    found = [index for index, text in enumerate(texts) if match(normalise(text))]
    return len(found), found[:5]


class Matcher:
    """The topics as one automaton. It never changes: when topics change, a new Matcher is built.

    A set of topics is an integer with a bit for each topic. Few sets occur, so the keys of each are remembered.
    """

    _SETS = 4096

    def __init__(self, topics: Mapping[str, Iterable[str]]) -> None:
        """`topics` maps each key to its terms. A term without words matches nothing."""
        self._keys = tuple(topics)
        self._every = 0
        owners: dict[str, int] = {}
        for number, terms in enumerate(topics.values()):
            for term in terms:
                if term.strip() == EVERYTHING:
                    self._every |= 1 << number
                elif words := normalise(term):
                    owners[words] = owners.get(words, 0) | 1 << number
        # An automaton without words cannot search.
        self._search = self._build(owners) if owners else None
        self._found: dict[int, tuple[str, ...]] = {}

    @staticmethod
    def _build(owners: Mapping[str, int]) -> ahocorasick.Automaton:
        automaton = ahocorasick.Automaton()
        for words, topics in owners.items():
            automaton.add_word(f" {words} ", topics)
        automaton.make_automaton()
        return automaton

    def match(self, normalised: str) -> tuple[str, ...]:
        """The keys whose terms are in `normalised`, which comes from normalise(): each once, in the mapping's order."""
        found = self._every
        if self._search is not None:
            for _, topics in self._search.iter(f" {normalised} "):
                found |= topics
        keys = self._found.get(found)
        return self._names(found) if keys is None else keys

    def _names(self, found: int) -> tuple[str, ...]:
        if len(self._found) >= self._SETS:
            self._found.clear()
        keys = self._found[found] = tuple([key for bit, key in enumerate(self._keys) if found >> bit & 1])
        return keys
