"""Rows of a table become posts: of CSV, a workbook, or Parquet, with the columns that its layout names."""

import re
from collections.abc import Sequence
from operator import itemgetter

from tweetream.models.drop import Drop
from tweetream.sources.base import PostOrDrop
from tweetream.sources.post_builder import ParseContext, make_post
from tweetream.sources.replay.columns import are_of_x
from tweetream.sources.replay.encoding import readable
from tweetream.sources.replay.ids import id_in_file
from tweetream.sources.replay.layout import Layout

_STATUS = re.compile(
    r"(?:https?://)?(?:www\.|mobile\.|m\.)?(?:x|twitter)\.com/(?:i(?:/web)?|([^/]+))/status(?:es)?/([0-9]+)",
    re.IGNORECASE,
)
# {'username': 'rina'} or User(username='rina')
_NAME_IN_OBJECT = re.compile(r"""['"]?\b(?:username|screen_name|acct|handle)['"]?\s*[:=]\s*['"]([^'"]+)""")
_SOURCE = re.compile("[a-z0-9_-]{1,32}")


class Table:
    """Makes posts of the rows of one table."""

    def __init__(self, layout: Layout) -> None:
        self._width = len(layout.names)
        self._of_x = are_of_x(layout.names)
        places = {name: place for place, name in reversed(list(enumerate(layout.names)))}
        at = {meaning: places[name] for meaning, name in layout.columns.items()} | {"source": places.get("source", -1)}
        # A field that is not there is the empty one behind the last.
        order = [at.get(meaning, -1) for meaning in ("id", "time", "author", "url", "lang", "source")]
        self._fields = itemgetter(*[self._width if place < 0 else place for place in order])
        self._text = at["text"]

    def _is_whole(self, fields: Sequence[str]) -> bool:
        """Whether a row has its text, and no more cells than there are columns.

        With more cells, an unquoted separator has cut the text short; empty ones do no harm.
        """
        return self._text < len(fields) and (len(fields) <= self._width or not any(fields[self._width :]))

    def post(self, fields: list[str], at: ParseContext) -> PostOrDrop:
        """The post of a row, or the reason to drop it."""
        missing = self._width - len(fields)
        if (missing < 0 or self._text >= len(fields)) and not self._is_whole(fields):
            return Drop.MALFORMED
        id, time, author, url, lang, source = self._fields(fields + [""] * (missing + 1) if missing >= 0 else fields)
        text = fields[self._text]
        if not (id.isascii() and author.isascii() and url.isascii() and lang.isascii()):
            id, author, url, lang = map(readable, (id, author, url, lang))
        return build(
            at,
            text if text.isascii() else readable(text),
            id=id,
            time=time or None,
            author=author.strip(),
            url=url.strip(),
            lang=lang.strip(),
            source=source,
            of_x=self._of_x,
        )


def row_advice(raw: bytes | list[str] | None, layout: Layout) -> str:
    """What is wrong with a row that gives no post, and how to mend it."""
    if not isinstance(raw, list):
        return "wrong quotes; write a quote that stands in a quoted cell twice"
    if len(raw) <= len(layout.names):
        return "its text is missing; such rows are left out"
    return f"{len(raw)} cells, but {len(layout.names)} columns; put a cell that has the separator in it into quotes"


def build(
    at: ParseContext,
    text: str,
    *,
    id: str = "",
    time: object = None,
    author: str = "",
    url: str = "",
    lang: str = "",
    source: str = "",
    of_x: bool = False,
) -> PostOrDrop:
    """The post of a row or of a plain object, or the reason to drop it."""
    if author[:1] in ("{", "h", "@", "U"):
        author = _name(author)
    if url and ":" not in id and (status := _STATUS.match(url)):  # a spreadsheet damages an id, but no address
        id, of_x = status[2], True
        author = author or status[1] or ""
    if id:
        id = id_in_file(id, at.name, of_x)
    if of_x and id.startswith("x:"):
        return make_post(at, "x", text, id=id, created=time, url=url or _address(id), author=author, lang=lang)
    if not source or ":" not in id or not _SOURCE.fullmatch(source):  # only our own exports have both
        source = "replay"
    return make_post(at, source, text, id=id, created=time, url=url, author=author, lang=lang)


def _address(id: str) -> str:
    return f"https://x.com/i/status/{id.removeprefix('x:')}"


def _name(author: str) -> str:
    """The name in what stands for an author: an object or address, as snscrape writes them, or @name."""
    if author.startswith("@"):
        return author[1:]
    if author.startswith(("{", "User(")):
        found = _NAME_IN_OBJECT.search(author)
        return found[1] if found else ""
    return author.rstrip("/").rpartition("/")[2] if author.startswith(("http://", "https://")) else author
