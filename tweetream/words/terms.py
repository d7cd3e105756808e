"""What one term of a track asks for: words, phrases, parts of words, several of them together, and words not to have.

    macet                  the word; case, accents' spelling and a `#` before it do not matter
    jalan tol              the phrase; "jalan tol" is the same, and so is `"rock AND roll"` without an operator in it
    banjir*  *banjir*      a word that begins with it, that has it inside; `*jir` ends with it
    macet & tol            both, anywhere in the post; `macet AND tol` and `macet "jalan tol"` too
    macet -tol             the first without the second; a phrase is `-"jalan tol"`
    *                      every post; `* -macet` is every post without the word

A term is kept as one text in its shortest form, so records of earlier versions, which hold words only, keep their
meaning. Plain functions; `matching` searches with the keys that they give.
"""

import html
import re
from functools import lru_cache
from typing import NamedTuple

from typing_extensions import override

from tweetream.models.topic import MAX_TERM, BadTopic
from tweetream.words.characters import is_spaceless
from tweetream.words.normal import ENTITY, normalise

EVERYTHING = "*"
# Phones and Asian keyboards write the signs in other forms.
_SIGNS = str.maketrans({"\uff0a": "*", "\uff06": "&", "\uff0d": "-", **dict.fromkeys("“”„‟«»\uff02", '"')})
_TOKEN = re.compile(r'(-*)"([^"]*)"|[^\s"]+')
_AND = frozenset(("&", "&&", "AND"))
_INSTEAD = {"OR": "two terms", "NOT": "-word"}
_OUTER = "()[]{}<>.,;:!?#'"


class Term(NamedTuple):
    """A term: the `wanted` atoms (none: every post) and the `unwanted` ones, each normalised, with its stars."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()

    @override
    def __str__(self) -> str:
        without = [f' -"{atom}"' if " " in atom else f" -{atom}" for atom in self.unwanted]
        return (" & ".join(self.wanted) or EVERYTHING) + "".join(without)


def key(atom: str) -> str:
    """The text to look for in ` word word `: the spaces are the edges of words, where the atom must have one.

    A star allows any letters there, and a script without spaces has no edges to look for.
    """
    words = atom.strip("*")
    before = "" if atom[0] == "*" or is_spaceless(words[0]) else " "
    after = "" if atom[-1] == "*" or is_spaceless(words[-1]) else " "
    return f"{before}{words}{after}"


@lru_cache(maxsize=65_536)
def parse(term: str) -> Term:
    """Read a term. Raises BadTopic, with one line, for a term that can match nothing."""
    text = ENTITY.sub(lambda found: html.unescape(found[0]), term).translate(_SIGNS)
    if text.count('"') % 2:
        raise BadTopic(f'a quote is not closed in the term {term!r}: write "a phrase"')
    wanted, unwanted = _atoms(term, text)
    if not wanted and not unwanted:
        raise _no_words(term)
    if not wanted:
        raise BadTopic(f"the term {term!r} has only words not to have: write what to find before them, or *")
    found = Term(tuple(sorted(wanted - {EVERYTHING})), tuple(sorted(unwanted)))
    for atom in found.unwanted:
        if atom == EVERYTHING or any(key(atom) in key(other) for other in found.wanted):
            raise BadTopic(f"the term {term!r} matches no post: it wants and excludes {atom!r}")
    if len(str(found)) > MAX_TERM:
        raise BadTopic(f"a term of track has at most {MAX_TERM} characters, also when it is normalised")
    return found


def _atoms(term: str, text: str) -> tuple[set[str], set[str]]:
    """The wanted and the unwanted atoms: words in a row are one phrase, which an operator, a quote or a `-` ends."""
    wanted: set[str] = set()
    unwanted: set[str] = set()
    phrase: list[str] = []
    open_and = False  # nothing follows the last & yet

    def end_phrase() -> None:
        nonlocal open_and
        if phrase:
            wanted.add(_atom(term, " ".join(phrase)))
            phrase.clear()
            open_and = False

    for token in _TOKEN.finditer(text):
        quoted = token[2] is not None
        minus = token[1] if quoted else token[0][: len(token[0]) - len(token[0].lstrip("-"))]
        word = token[2] if quoted else token[0].lstrip("-")
        if not quoted and token[0] in _AND:
            end_phrase()
            if open_and or not (wanted or unwanted):
                raise BadTopic(f"write words on both sides of & in the term {term!r}")
            open_and = True
        elif not quoted and token[0] in _INSTEAD and text.strip() != token[0]:
            raise BadTopic(f'write {_INSTEAD[token[0]]} instead of {token[0]} in the term {term!r}, or "a phrase"')
        elif minus and word:
            end_phrase()
            unwanted.add(_atom(term, word))
            open_and = False
        elif quoted:
            end_phrase()
            wanted.add(_atom(term, word))
            open_and = False
        elif word:
            phrase.append(word)
    end_phrase()
    if open_and:
        raise BadTopic(f"write words on both sides of & in the term {term!r}")
    return wanted, unwanted


def _atom(term: str, text: str) -> str:
    """A word or phrase, normalised, with the stars at its ends."""
    text = text.strip().strip(_OUTER)
    if text and not text.strip("*"):
        return EVERYTHING
    inner = text.strip("*")
    if "*" in inner or ("*" in text and inner != inner.strip()):
        raise BadTopic(f"* stands at the beginning or the end of a word in the term {term!r}; join words by &")
    words = str(normalise(inner))
    if not words:
        raise _no_words(term)
    before = "*" if text[0] == "*" and not is_spaceless(words[0]) else ""
    after = "*" if text[-1] == "*" and not is_spaceless(words[-1]) else ""
    return f"{before}{words}{after}"


def _no_words(term: str) -> BadTopic:
    return BadTopic(f"no words in the term {term!r}: addresses, @names and emoji are not matched")
