"""The posts that the benchmark sends, and the ten topics they match, worked out from any files of posts.

Words are chosen greedily, each time the one in most of the lines that match none yet. Then the lines are mixed, each
repeated as often as needed, so that the wanted shares match one topic, two, and none. Limit: files are held in memory.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from tweetream.matching import Matcher
from tweetream.models.topic import NAME
from tweetream.text import normalise

TOPICS = 10
SHORTEST = 4  # letters of a word that is taken for a topic
OF_HUNDRED = {1: 92, 2: 6, 0: 2}  # how many of a hundred posts match so many topics


class BadCorpus(ValueError):
    """Posts that the benchmark cannot be made of; one line that says why."""


class Corpus(NamedTuple):
    """Lines in the order they are sent, the topics, and how many topics each line matches."""

    lines: list[str]
    topics: list[str]
    matches: list[int]

    def shares(self) -> str:
        """How many of a hundred posts match no topic, one, two or more."""
        found = Counter(min(number, 2) for number in self.matches)
        none, one, more = (100 * found[number] / len(self.lines) for number in range(3))
        return f"{none:.1f} % match no topic, {one:.1f} % one, {more:.1f} % two or more"


def read(paths: Iterable[Path]) -> list[str]:
    """The lines of the files that are not blank. Raises BadCorpus."""
    lines: list[str] = []
    for path in paths:
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except OSError as error:
            raise BadCorpus(f"{path} cannot be read: {error.strerror or error}") from None
        lines += [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    return lines


def make(lines: list[str], posts: int) -> Corpus:
    """So many posts of these lines, with their topics. Raises BadCorpus."""
    words = [frozenset(normalise(line).split()) for line in lines]
    topics = choose(words)
    matcher = Matcher({topic: [topic] for topic in topics})
    kinds: dict[int, list[str]] = {number: [] for number in OF_HUNDRED}
    for line in lines:
        number = len(matcher.match(normalise(line)))
        if number in kinds:
            kinds[number].append(line)
    for number, found in kinds.items():
        if not found:
            raise BadCorpus(f"no line matches {number} of the topics {', '.join(topics)}: give more posts")
    endless = {number: cycle(found) for number, found in kinds.items()}
    pattern = _spread()
    matches = list(islice(cycle(pattern), posts))
    return Corpus([next(endless[number]) for number in matches], topics, matches)


def make_many(lines: list[str], posts: int, number: int, each: int = 1) -> Corpus:
    """As `make`, but with so many topics, each matched as often as any other: made words stand in the posts.

    With more than one match `each`, every post has so many, or all topics.
    """
    topics = [f"topik{nth:05}" for nth in range(number)]
    turn = cycle(topics)
    matches = list(islice(cycle(_spread()), posts)) if each == 1 else [min(each, number)] * posts
    found = [" ".join([line, *islice(turn, count)]) for line, count in zip(cycle(lines), matches, strict=False)]
    return Corpus(found, topics, matches)


def choose(lines: list[frozenset[str]]) -> list[str]:
    """The words that stand for topics; each could be a topic's name."""
    topics: list[str] = []
    left = lines
    while len(topics) < TOPICS:
        counted = Counter(word for words in left for word in words if _fits(word))
        if not counted:
            raise BadCorpus(f"{len(lines)} lines do not have words for {TOPICS} topics: give more posts")
        word = min(counted, key=lambda word: (-counted[word], word))
        topics.append(word)
        left = [words for words in left if word not in words]
    return topics


def _fits(word: str) -> bool:
    return len(word) >= SHORTEST and word.isalpha() and NAME.fullmatch(word) is not None


def _spread() -> list[int]:
    """The kinds of a hundred posts, the rare ones spread evenly among the others."""
    placed = [((i + 0.5) / share, number) for number, share in OF_HUNDRED.items() for i in range(share)]
    return [number for _, number in sorted(placed)]
