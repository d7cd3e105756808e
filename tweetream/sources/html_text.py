"""The text of a post that is written in HTML, as Mastodon, GoToSocial, Akkoma and Misskey send it.

Everything but an inline element breaks the text into lines, so the words of two list items or cells stay two words. A
link whose text is its address without the scheme becomes the whole address, so that its parts are no words. It takes
time in proportion to the text, whatever the text is: no pattern looks further than the next `<` or quote again.
"""

import html
import re
from functools import lru_cache

# What stands for a tag: nothing for an inline element, a line end for a break, a mark for the border of any other.
_INLINE = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark q rp rt ruby s samp small "
    "span strike strong sub sup time tt u var wbr"
)
_BORDER, _SILENCE = "\v", "\f"  # the second where a text begins or ends that nobody sees
_STANDS_FOR: dict[str | None, str] = {None: "", "br": "\n", "p": _BORDER, **dict.fromkeys(_INLINE.split(), "")}
_UNSEEN = ("script", "style", "template")

_END = r"(?![a-zA-Z0-9-])"
# A tag and its name. A value in quotes may hold a ">"; a quote that is not closed belongs to a broken tag.
_TAG = re.compile(
    r"""<(?:/?([a-zA-Z][^\s/<>"']*+)"""
    r"""(?:[^<>"']*+(?:(?:"[^"]*+"|'[^']*+')[^<>"']*+)*+>|[^<>]*+>)|[!?][^<>]*+>)"""
)
_UNFINISHED = re.compile(r"<[/!a-z][^<>]*+\Z", re.IGNORECASE)
_LINK = re.compile(rf"<a{_END}([^<>]*+)>([^<>\s@#]++)</a>", re.IGNORECASE)
_HREF = re.compile(r"""\shref\s*+=\s*+["']?(https?://[^\s"'<>]++)""", re.IGNORECASE)
# Only entities that end with a semicolon, and no number of thousands of digits (see tweetream/text.py).
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")

_COMMENT = re.compile("<!--"), re.compile("-->")
# Mastodon repeats the address of a quoted post for servers that show no quotes.
_QUOTE = re.compile(r"""<p class=["']quote-inline["']>"""), re.compile("</p>")


def plain_text(markup: str) -> str:
    """The text: blocks and breaks are lines, entities are characters."""
    if "<" in markup:
        markup = _without_tags(markup)
    if "&" in markup:
        markup = _ENTITY.sub(lambda found: _character(found[0]), markup)
    return markup.strip("\n")


_character = lru_cache(maxsize=512)(html.unescape)  # nearly all are of five kinds


def _without_tags(markup: str) -> str:
    if "<!--" in markup:
        markup = _cut(markup, *_COMMENT)
    if "quote-inline" in markup:
        markup = _cut(markup, *_QUOTE)
    if markup.count("</a>") > markup.count("</span></a>"):  # Mastodon writes the whole address in spans
        markup = _LINK.sub(_address, markup)
    texts = _TAG.split(markup.replace(_BORDER, " ").replace(_SILENCE, " "))
    names = texts[1::2]
    marks = list(map(_STANDS_FOR.get, names))
    texts[1::2] = list(map(_mark, names)) if None in marks else marks
    text = "".join(texts)
    if _SILENCE in text:
        text = _BORDER.join(text.split(_SILENCE)[::2])
    if "<" in text:
        text = _UNFINISHED.sub("", text)
    return "\n".join(filter(None, map(str.strip, text.split(_BORDER))))


def _mark(name: str | None) -> str:
    name = name and name.lower()
    return _SILENCE if name in _UNSEEN else _STANDS_FOR.get(name, _BORDER)


def _cut(markup: str, begin: re.Pattern[str], end: re.Pattern[str]) -> str:
    """The markup without all parts from `begin` to `end`; one that does not end goes to the end of the markup."""
    kept, at = [], 0
    while found := begin.search(markup, at):
        kept.append(markup[at : found.start()])
        last = end.search(markup, found.end())
        at = last.end() if last else len(markup)
    return "".join([*kept, markup[at:]])


def _address(link: re.Match[str]) -> str:
    attributes, shown = link.groups()
    if "." not in shown or "://" in shown:
        return link[0]
    href = _HREF.search(attributes)
    return href[1] if href else link[0]
