r"""The text of posts: `normalise` prepares it for matching topics, `Cleaner` for the classifier.

What a word is. First entities are decoded, case is folded, and addresses and @names are removed. Then a word is a run
of letters, digits and underscores with their combining marks (`\w` of regular expressions), without underscores at its
ends. All other characters (a hyphen, a full stop, an emoji, NUL, U+2028) only separate words. So `#lancar`,
`lancar-lancar` and `LANCAR...` have the word `lancar`; `lancar2`, `kelancaran` and `info_lancar` are other words.

Nearly all posts are ASCII, and take a table look-up. The others are folded (`tweetream.characters`), so that full-width
letters, ligatures, the two ways to write an accent, and the Turkish `İ` and `ı` compare equal. Invisible characters
inside words (soft hyphens, joiners, tatweel) are removed. Accents are kept: `jalán` is not `jalan`.

Japanese, Chinese, Thai, Khmer, Lao and Burmese have no spaces between words. A run of them is one word here, also
beside other letters, and `tweetream.terms` looks inside it. The words of a hashtag's capitals, `jakarta macet` of
`#JakartaMacet`, stand beside the text, where topics find them and the classifier does not.

Limits. An address has a scheme, or begins with `www.`, or has a common domain ending and a path; a bare `detik.com`
stays as two words. A mention is ASCII, as the networks have it. Emoji are not words.
"""

import html
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import product

from tweetream.characters import SPACELESS, capitals, fold, word_pattern

_SUFFIX = r"\.(?:com|co|net|org|edu|gov|info|id|my|sg|io|ly|gl|me|tv|be|app|dev|social|news|blog|xyz)"

# Only entities that end with a semicolon: html.unescape alone reads `salam&parade` as a pilcrow and `de`, and raises an
# error for a number with thousands of digits.
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
# All patterns below expect folded text. The possessive `++` prevents backtracking in a long run of letters or dots.
# A t.co address ends with its code, even if other characters follow at once. Other addresses end at the first character
# that RFC 3986 does not allow, so a word in another script that follows at once is kept.
_IN_URL = r"[!#-;=?\[\]_a-z~@]"
_LETTER = rf"[^\W{SPACELESS}]"  # of a script with spaces
_URL = re.compile(rf"https?://(?:t\.co/[0-9a-z]++|{_IN_URL}++)")
_ANY_URL = re.compile(_URL.pattern, re.IGNORECASE)  # of a text that is not folded yet
_WWW = re.compile(rf"(?<!{_LETTER})www\.{_IN_URL}++")
_BARE_URL = re.compile(rf"(?<![0-9a-z_.@-])[0-9a-z-]++(?:\.[0-9a-z-]++)*{_SUFFIX}/{_IN_URL}*+")
# @user, Mastodon's @user@host, Bluesky's @user.host.tld. Names are ASCII, so a word in another script that follows at
# once is kept; an accented letter there makes it no name. A name with dots counts only if it ends like a host, since
# people write the next word directly after a full stop.
_USER = r"[0-9a-z_]++(?![\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff])"
_NAME = re.compile(
    rf"@{_USER}(?:(?:[.-][0-9a-z_]++)*+@{_LETTER}++(?:[.-]{_LETTER}++)*+|(?:[.-][0-9a-z_]++)*{_SUFFIX}(?![0-9a-z_]))?"
)
_OUTER_UNDERSCORES = re.compile(r"(?<!\w)_++|(?<!_)_++(?!\w)")
_ASCII = bytes(ord(chr(i).lower()) if i < 128 and (chr(i).isalnum() or chr(i) == "_") else 32 for i in range(256))
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


class Words(str):
    """Normalised text, with the words of its hashtags' capitals beside it: `capitals` is ` words words … `."""

    __slots__ = ("capitals",)
    capitals: str


def normalise(text: str) -> str:
    """The words of `text`, folded and joined by single spaces; the terms of a topic's `track` are normalised too.

    It is Words if a hashtag has capitals inside.
    """
    if "&" in text:
        text = ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "#" in text or (not text.isascii() and "\uff03" in text):
        return _with_capitals(text)
    return _words(text)


def _with_capitals(text: str) -> str:
    words = _words(text)
    if not (found := capitals(_ANY_URL.sub(" ", text) if "://" in text else text)):
        return words
    tagged = Words(words)
    tagged.capitals = "".join([f"\n {_words(each)} " for each in found])
    return tagged


def _words(text: str) -> str:
    text = text.casefold()
    if "://" in text:
        text = _URL.sub(" ", text)
    if "www." in text:
        text = _WWW.sub(" ", text)
    if not (plain := text.isascii()):
        text = fold(text)
    if "/" in text:
        text = _BARE_URL.sub(" ", text)
    if "@" in text:
        text = _NAME.sub(" ", text)
    if "_" in text:
        text = _OUTER_UNDERSCORES.sub(" ", text)
    # bytes.translate is the fastest, and bytes know only ASCII's spaces, so a rare separator cannot pass.
    if plain or text.isascii():
        return " ".join(text.encode("ascii").translate(_ASCII).decode("ascii").split())
    return " ".join(word_pattern().findall(text))


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

    def __init__(self, abbreviations: Mapping[str, str] | None = None) -> None:
        self._abbreviations = _shipped_abbreviations() | dict(abbreviations or {})
        self._known: dict[str, str] = {}

    def clean(self, normalised: str) -> str:
        """The reduced text of `normalised`, which comes from normalise()."""
        words = normalised.split()
        try:
            return " ".join(map(self._known.__getitem__, words))
        except KeyError:
            return " ".join(map(self._reduce, words))

    def _reduce(self, word: str) -> str:
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
