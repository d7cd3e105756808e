"""The text of posts: `normalise` prepares it for matching topics, `Cleaner` reduces it further for the classifier.

`tweetream.words` says what a word is.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import product

from tweetream.words.giving_way import giving_way
from tweetream.words.normal import Words, normalise

__all__ = ["BadAbbreviations", "Cleaner", "Words", "load_abbreviations", "normalise", "shorten"]

_LENGTHENED = re.compile(r"([^\W\d_])\1{2,}")
# Common words with a double letter: `maaaf` keeps two letters, `macettt` only one.
_DOUBLES = """
    maaf saat taat manfaat tunggu nunggu tinggi tinggal tanggal hingga sehingga minggu sungguh pinggir panggil
    panggung tangga tetangga bangga anggota anggap ganggu gangguan enggak nggak ngga engga longgar pengguna
    menggunakan keadaan pertanyaan perusahaan pekerjaan kecelakaan kemacetan kendaraan pemeriksaan jumaat allah
    masyaallah bbm all ball call fall full hell kill hello pull roll sell small still tell wall well will off
    stuff traffic bass class less mess miss pass cross press jammed slipped happy sorry tomorrow worry foggy
    flooded blood book cool food foot good look mood moon noon pool room school soon too took agree been feel
    feet free freeze green keep meet need see seen sleep speed street sweet three week accident slippery butt
    butter better sunny funny dinner
"""
_LONGEST_DOUBLE = 24  # letters, more than any of these words has
_REDUPLICATED = re.compile(r"([^\W\d_]{3,})2(?:nya)?")


class BadAbbreviations(ValueError):
    """A table of abbreviations that cannot be read; the message is one line that names the file and the line."""


def load_abbreviations(path: Traversable) -> dict[str, str]:
    """The table in `path`: in each line the short form, a tab, and its full words; `#` starts a comment line.

    Both sides are normalised; the short form must be one word. A later line wins. Raises BadAbbreviations.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise BadAbbreviations(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise BadAbbreviations(f"{path}, line {number}: not UTF-8") from None
    table: dict[str, str] = {}
    for place, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        short, tab, full = line.partition("\t")
        short, full = normalise(short), normalise(full)
        if not tab or not full or not short or " " in short:
            raise BadAbbreviations(f"{path}, line {place}: expected one short word, a tab and its full words")
        table[short] = full
    return table


@cache
def _shipped_abbreviations() -> dict[str, str]:
    return load_abbreviations(files("tweetream") / "data" / "abbreviations.tsv")


@cache
def _doubles() -> frozenset[str]:
    return frozenset(_DOUBLES.split())


def shorten(word: str) -> str:
    """`word` without lengthening: three or more equal letters become one, or two if that makes a known word.

    Two equal letters stay: `tunggu` and `saat` are right, and nothing here can tell `macett` from a name.
    """
    if not _LENGTHENED.search(word):
        return word
    shortest = _LENGTHENED.sub(r"\1", word)
    if len(shortest) > _LONGEST_DOUBLE:
        return shortest
    runs = len(_LENGTHENED.findall(word))
    for lengths in product((1, 2), repeat=min(runs, 4)):
        wanted = iter(lengths)
        candidate = _LENGTHENED.sub(lambda run, left=wanted: run[1] * next(left, 1), word)  # type: ignore[misc]
        if candidate in _doubles():
            return candidate
    return shortest


class Cleaner:
    """Reduces normalised text for the classifier: shortens lengthened words and expands abbreviations.

    Stop words stay: in "kok macet?" and "was stuck" they show a question and a memory (docs/model.md).

    `abbreviations` extend the shipped table and win over it. The result for a word is remembered. The memory is emptied
    when it is full, since a stream has ever new words.
    """

    _REMEMBERED = 50_000
    _LONGEST = 64
    _PART = 400  # words of a long text between which other threads run
    _CUT = 256  # letters that the classifier looks at; one word can have 64 KiB

    def __init__(self, abbreviations: Mapping[str, str] | None = None) -> None:
        self._abbreviations = _shipped_abbreviations() | dict(abbreviations or {})
        self._known: dict[str, str] = {}

    def clean(self, normalised: str) -> str:
        """The reduced text of `normalised`, which comes from normalise()."""
        words = normalised.split()
        if len(words) <= self._PART:
            return self._clean(words)
        parts = (words[start : start + self._PART] for start in range(0, len(words), self._PART))
        return " ".join(map(self._clean, giving_way(parts)))

    def _clean(self, words: list[str]) -> str:
        try:
            return " ".join(map(self._known.__getitem__, words))
        except KeyError:
            return " ".join(map(self._reduce, words))

    def _reduce(self, word: str) -> str:
        word = word[: self._CUT]
        known = self._known.get(word)
        if known is not None:
            return known
        short = shorten(word)
        if short not in self._abbreviations and (twice := _REDUPLICATED.fullmatch(short)):
            short = twice[1]  # Indonesian writes rambu-rambu as rambu2
        full = self._abbreviations.get(short, short)
        if len(word) <= self._LONGEST:
            if len(self._known) >= self._REMEMBERED:
                self._known.clear()
            self._known[word] = full
        return full
