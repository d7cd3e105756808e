"""Unicode's characters as words need them: folding, runs of combining marks, scripts without spaces, capitals.

`fold` is the one place that brings a text to a normal form. CPython sorts combining marks by insertion, while it holds
the interpreter: a letter with 64,000 marks costs seconds. So a run keeps its first 30 marks, as in the Stream-Safe Text
Format (UAX #15).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import islice

MOST_MARKS = 30  # in a row
_KNOWN = 64  # characters of a hashtag whose words are remembered
LONGEST_TAG = 256  # of a hashtag with words; networks have shorter ones
MOST_TAGS = 100  # of a text
# Letters of scripts that are written without spaces between words, after normalising. From Thai to Balinese, a line
# breaks only where a dictionary knows a word's end (line-breaking classes SA and AK of UAX #14); then kana and Han.
SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"
    "\u2e80-\u2fff\u3005-\u3007\u3021-\u3035\u3038-\u30fa\u30fc-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua000-\ua4cf\U0001b000-\U0001b16f\U00020000-\U000323af"
)
# Characters of Unicode's compatibility blocks that become such letters.
_BECOME_SPACELESS = "\u3192-\u319f\u3200-\u33ff\uf900-\ufaff\uff66-\uff9f\U0001f200-\U0001f265\U0002f800-\U0002fa1f"
# Characters without a shape of their own inside words: soft hyphens, joiners, directions, variants of a shape, and the
# lines that lengthen Arabic, N'Ko and Mongolian words (tatweel).
_UNSEEN = (
    "\u00ad\u034f\u061c\u0640\u07fa\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
    "\U000e0100-\U000e01ef"
)
_INVISIBLE = re.compile(f"[{_UNSEEN}]+")
# Turkish writes I with and without a dot, and other languages only one of the two: all are `i` here.
_DOTTED = re.compile("i\u0307+")
# Marks outside the Basic Multilingual Plane are among the letters of few scripts; _shortened looks closer.
_RARE_MARKS = "\U000101fd-\U00011fff\U00016af0-\U00016ff1\U0001bc9e\U0001d165-\U0001d244\U0001e000-\U0001e94a"
_PARTS = re.compile("A+(?!a)|A?a+|0+|_+")
_TAGS = re.compile(r"(?<![0-9A-Za-z_/&])(?:[#\uff03\ufe5f]\w++)++")
_TAG = re.compile(r"\w+")


def _is_mark(character: str) -> bool:
    """Whether all of a character's decomposition combines with what precedes it."""
    if unicodedata.combining(character):
        return True
    return all(map(unicodedata.combining, unicodedata.normalize("NFKD", character)))


def _ranges(codes: Iterable[int]) -> str:
    """The characters as ranges of a class of a regular expression; `codes` are sorted."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in runs)


@cache
def _marks() -> str:
    marks = _ranges(code for code in range(0x300, 0xD800) if _is_mark(chr(code)))
    return f"{marks}\ufb1e\ufe20-\ufe2f\uff9e\uff9f{_RARE_MARKS}"


@cache
def _long_run() -> re.Pattern[str]:
    return re.compile(f"[{_marks()}]{{{MOST_MARKS + 1},}}")


@cache
def _unusual() -> re.Pattern[str]:
    """What few texts have and needs more than a normal form: one search instead of one for each.

    Outside the Basic Multilingual Plane it has all but emoji, since few ranges are quick to search.
    """
    basic = re.sub("[^\0-\uffff]-?", "", f"{_UNSEEN}{_marks()}{SPACELESS}{_BECOME_SPACELESS}")
    return re.compile(
        f"[ı\ufcf2-\ufcf4\ufe70-\ufe7f{basic}\U00010000-\U0001efff\U0001f200-\U0001f265\U00020000-\U000fffff]"
    )


@cache
def word_pattern() -> re.Pattern[str]:
    """A word outside ASCII: `\\w` has no combining marks, and without them Thai or Hindi words are split."""
    marks = _ranges(code for code in range(0x300, 0xD800) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    return re.compile(rf"\w[\w{marks}]*+")


@cache
def _spaceless_run() -> re.Pattern[str]:
    return re.compile(rf"[{SPACELESS}](?:[{SPACELESS}\u200b]*[{SPACELESS}])?+")


def bounded(text: str) -> str:
    """`text` with at most 30 combining marks in a row; the others are removed. Normal forms then take linear time."""
    return _long_run().sub(_shortened, text)


def _shortened(run: re.Match[str]) -> str:
    kept, count = [], 0
    for character in run[0]:
        count = count + 1 if _is_mark(character) else 0
        if count <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def fold(text: str) -> str:
    """A casefolded text in the one form for all its spellings: NFKC, folded again, without invisible characters.

    There are spaces around each run of a script without spaces.
    """
    unusual = _unusual().search(text) is not None
    if unusual:
        text = bounded(_INVISIBLE.sub("", text))
    folded = unicodedata.normalize("NFKC", text)
    if folded.isascii():  # a text with `…`, for example; NFKC can produce capitals
        return folded.lower()
    if folded is not text:  # NFKC can produce capitals and tatweel, and folding can decompose letters again
        folded = _DOTTED.sub("i", folded.casefold().replace("ı", "i"))
        folded = unicodedata.normalize("NFKC", bounded(_INVISIBLE.sub("", folded)) if unusual else folded)
    return _spaceless_run().sub(_set_apart, folded.replace("ı", "i")) if unusual else folded


def _set_apart(run: re.Match[str]) -> str:
    return f" {run[0].replace(chr(0x200B), '')} "  # this space of no width marks the words of Thai or Khmer


def is_spaceless(character: str) -> bool:
    """Whether a script without spaces between words has the character."""
    return _spaceless_run().match(character) is not None


def capitals(text: str) -> list[str]:
    """The words of the capitals of hashtags: `#DKIJakartaMacet` has `DKI Jakarta Macet`, `#macet` has none.

    Of a text with more than a hundred such hashtags it has those of the first hundred. A longer hashtag is
    one word.
    """
    tags = (
        tag
        for run in _TAGS.finditer(text)
        for tag in _TAG.findall(run[0])
        if len(tag) <= LONGEST_TAG and tag != tag.lower()
    )
    found = [_known_words_of(tag) if len(tag) <= _KNOWN else _words_of(tag) for tag in islice(tags, MOST_TAGS)]
    return [words for words in dict.fromkeys(found) if words]


def _words_of(tag: str) -> str:
    shape = "".join(["A" if c.isupper() else "0" if c.isdecimal() else "_" if c == "_" else "a" for c in tag])
    spans = [part.span() for part in _PARTS.finditer(shape) if part[0][0] != "_"]
    if not any(shape[start] == "A" for start, _ in spans[1:]):
        return ""
    return " ".join([tag[start:end] for start, end in spans])


_known_words_of = lru_cache(maxsize=4096)(_words_of)  # a stream has the same hashtags again and again
