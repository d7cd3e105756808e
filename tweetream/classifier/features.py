"""The features of a cleaned text: those of single words, and of words together.

A word gives itself, its pieces of three to five letters, so that an unknown spelling still resembles a known one, and
its kind (a place, a vehicle, money, a time…) from a list of words. Words together give neighbours, the kinds of any two
within a window, and the kinds of three in a row, since the words near `macet` or `stuck` tell a road from a payment.

A feature is a 64-bit hash of its parts, so it needs no vocabulary. Features of too few training posts are left out. So
a text costs one look-up for each word, and arithmetic on arrays. Texts are cut at LONGEST words. A worker imports this
module, so it knows no scikit-learn: `vectorizer.py` learns which features to keep.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.resources import files
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 120  # words
LONGEST_WORD = 64  # letters whose pieces become features
LONGEST_KEPT = 256  # letters of a word; long ones could fill the memory of words
WINDOW = 4  # the greatest distance of two words whose pair becomes a feature
PIECES = (3, 4, 5)
BEGIN, END = "<s>", "</s>"
Hashes = NDArray[np.uint64]
Places = NDArray[np.intp]
Pairs = tuple[Hashes, Places, Places]

_ODD = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xFF51AFD7ED558CCD],
    dtype=np.uint64,
)
_A, _B, _C, *_ = _ODD
# Each sort of feature has its own number, so that a word and a kind of the same name are two features.
_NEIGHBOURS, _TRIPLES, _NEAR, _PIECE = np.arange(1, 5, dtype=np.uint64) * np.uint64(0x27D4EB2F1656)
_BITS = 20
_SHIFT = np.uint64(64 - _BITS)
# Suffixes and prefixes of Indonesian, Malay, Javanese, Tagalog and English that do not change a word's kind.
_SUFFIX = re.compile(r"(?:nya|ku|mu|lah|kah|pun|in|kan|an|i|e|ne|ing|ed|es|s|ly)$")
_PREFIX = re.compile(r"^(?:menge|meng|meny|men|mem|me|nge|ng|ny|di|ke|se|ber|ter|per|pe|ma|na|um|mag|nag)")
_ROOT = 3  # letters, at least, of a word without them


def shipped_kinds() -> str:
    """The list of words by kind that comes with the package, without its comments."""
    lines = (files("tweetream") / "data" / "kinds.txt").read_text("utf-8").splitlines()
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def hashed(name: str) -> int:
    """The hash of a name, the same in every run and on every machine."""
    data = name.encode("utf-8", "surrogatepass")
    return zlib.crc32(data) << 32 | zlib.crc32(data[::-1], 1)


def pairs(word: Hashes, kind: Hashes, text: Places) -> Iterator[Pairs]:
    """The features of words together, as (features, places of the first words, places of the last words).

    All three arguments have an entry for each word, one text after the other; `text` is the number of the word's text.
    """
    for apart in range(1, min(WINDOW + 1, len(text))):
        first = np.flatnonzero(text[apart:] == text[:-apart])
        last = first + apart
        one, other = kind[first], kind[last]
        yield (np.minimum(one, other) * _A ^ np.maximum(one, other) * _B) + _NEAR, first, last
        if apart == 1:
            yield (word[first] * _A ^ word[last] * _B) + _NEIGHBOURS, first, last
        if apart == 2:
            yield (one * _A ^ kind[first + 1] * _B ^ other * _C) + _TRIPLES, first, last


def pieces(words: Sequence[str]) -> tuple[Hashes, Places]:
    """The features of the pieces of words, with marked edges, and the number of each one's word. Long words are cut."""
    edged = [f"<{word[:LONGEST_WORD]}>" for word in words]
    letters = np.frombuffer("".join(edged).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    of_letter = np.repeat(np.arange(len(words)), [len(word) for word in edged])
    found, owners = [], []
    for size in PIECES:
        most = max(len(letters) - size + 1, 0)
        begins = np.flatnonzero(of_letter[size - 1 :][:most] == of_letter[:most])
        mixed = sum((letters[begins + i] * _ODD[i] for i in range(size)), np.uint64(size))
        mixed ^= mixed >> np.uint64(32)
        found.append(mixed * _A + _PIECE)
        owners.append(of_letter[begins])
    return np.concatenate(found), np.concatenate(owners)


def prefixes(hashes: Hashes) -> NDArray[np.intp]:
    """How many of `hashes` begin with each value of the first bits."""
    return np.bincount((hashes >> _SHIFT).view(np.int64), minlength=2**_BITS)


class Features:
    """Finds features of words, and which of them are known: `known` are those that a model has weights for, ascending.

    `kinds` has a line for each kind: its name, a colon, its words.
    """

    def __init__(self, kinds: str, known: Hashes) -> None:
        self._kinds = kinds
        self._known = known

    def of_words(self, words: Sequence[str]) -> tuple[Hashes, Hashes, Hashes, Places]:
        """The hashes of words, of their kinds (or else their own), and of single features with their words."""
        own = np.array([hashed(word) for word in words], dtype=np.uint64)
        kinds = [self._kind(word) for word in words]
        kind = np.array([hashed(f"~{name}") if name else 0 for name in kinds], dtype=np.uint64)
        some = np.flatnonzero(kind)
        of_pieces, owner = pieces(words)
        alone = np.concatenate((own, kind[some], of_pieces))
        return own, np.where(kind, kind, own), alone, np.concatenate((np.arange(len(words)), some, owner))

    def place(self, hashes: Hashes) -> tuple[Places, Places]:
        """Which of `hashes` are known features, and the columns of these.

        Known features are sorted. A table gives, for the first bits of a number, where such features begin.
        """
        columns = self._starts.take((hashes >> _SHIFT).view(np.int64))
        right = self._padded.take(columns) == hashes
        open_ = np.flatnonzero(~right)  # most known features are the first of their run
        for _ in range(self._longest_run - 1):
            columns[open_] += 1
            found = self._padded.take(columns.take(open_)) == hashes.take(open_)
            right[open_] = found
            open_ = open_[~found]
        known = np.flatnonzero(right)
        return known, columns.take(known).astype(np.intp)

    def _kind(self, word: str) -> str:
        """The kind of a word, or else of the word without suffix or prefix; "" if it has none."""
        kinds = self._kind_of
        if word in kinds:
            return kinds[word]
        if word.isdecimal():
            return "number"
        shorter = _SUFFIX.sub("", word)
        for form in (shorter, _PREFIX.sub("", word), _PREFIX.sub("", shorter)):
            if len(form) >= _ROOT and form in kinds:
                return kinds[form]
        return ""

    @cached_property
    def _kind_of(self) -> dict[str, str]:
        lines = (line.partition(":") for line in self._kinds.splitlines())
        return {word: kind for kind, _, words in lines for word in words.split()}

    @cached_property
    def _runs(self) -> NDArray[np.uint8]:
        """How many known features begin with each value of the first bits."""
        return prefixes(self._known).astype(np.uint8)

    @cached_property
    def _longest_run(self) -> int:
        return int(self._runs.max())

    @cached_property
    def _starts(self) -> NDArray[np.int32]:
        """The column of the first such feature."""
        return (np.cumsum(self._runs, dtype=np.int32) - self._runs).astype(np.int32)

    @cached_property
    def _padded(self) -> Hashes:
        """The known features, then zeros for look-ups that run past the last."""
        return np.append(self._known, np.zeros(self._longest_run, dtype=np.uint64))


def grown(array: Any, size: int) -> Any:
    """`array`, or a copy with room for `size` rows and as many again."""
    if len(array) >= size:
        return array
    larger = np.zeros((2 * size, *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


class Table:
    """The words seen so far, numbered, with their features. Emptied at `most` words: a stream has ever new ones."""

    def __init__(self, features: Features, most: int = 2**31) -> None:
        self._features = features
        self._most = most
        self._clear()

    def _clear(self) -> None:
        self._numbers: dict[str, int] = {}
        self.word: Hashes = np.zeros(0, dtype=np.uint64)
        self.kind: Hashes = np.zeros(0, dtype=np.uint64)
        self.alone: list[Hashes] = []  # the features of each single word
        self._add([BEGIN, END])

    @staticmethod
    def words(text: str) -> list[str]:
        """The words of a cleaned text, cut at LONGEST; `<` marks edges here, and cleaned texts have none."""
        return [word[:LONGEST_KEPT] for word in text.replace("<", " ").split(maxsplit=LONGEST)[:LONGEST]]

    def number(self, texts: Sequence[str]) -> tuple[Places, Places]:
        """The numbers of all words and of each text's edges, and the number of each word's text."""
        if len(self._numbers) > self._most:
            self._clear()
        plain = [len(text) < 2 * LONGEST and "<" not in text for text in texts]
        short = [text if ok else " ".join(self.words(text)) for text, ok in zip(texts, plain, strict=True)]
        words = f"{BEGIN} {f' {END} {BEGIN} '.join(short)} {END}".split() if short else []
        numbers = self._look_up(words)
        if (numbers < 0).any():
            self._add(list({word: None for word, number in zip(words, numbers.tolist(), strict=True) if number < 0}))
            numbers = self._look_up(words)
        return numbers, np.cumsum(numbers == 0) - 1

    def _look_up(self, words: list[str]) -> Places:
        return np.fromiter(map(self._numbers.get, words, repeat(-1)), dtype=np.intp, count=len(words))

    def _add(self, words: list[str]) -> None:
        before = len(self._numbers)
        own, kind, alone, owner = self._features.of_words(words)
        self._numbers.update(zip(words, range(before, before + len(words)), strict=True))
        after = len(self._numbers)
        self.word, self.kind = grown(self.word, after), grown(self.kind, after)
        self.word[before:after], self.kind[before:after] = own, kind
        if before == 0:  # every text has edges, so they tell nothing without words
            alone, owner = alone[:0], owner[:0]
        self._keep(alone, owner, before, after)

    def _keep(self, alone: Hashes, owner: Places, before: int, after: int) -> None:
        """Remember the single features of the words from `before` up to `after`; owner 0 is the first of these."""
        order = np.argsort(owner, kind="stable")
        self.alone += np.split(alone[order], np.cumsum(np.bincount(owner, minlength=after - before))[:-1])
