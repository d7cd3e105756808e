"""A plain JSON object becomes a post: its fields are found by their names, as the columns of a table are.

It may be of no network, or of a tool that flattens a network's posts, such as snscrape, twint and pandas.
"""

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Raw
from msgspec.json import Decoder

from tweetream.models.drop import Drop
from tweetream.sources.base import PostOrDrop
from tweetream.sources.fields import as_text
from tweetream.sources.post_builder import ParseContext, decode
from tweetream.sources.replay.columns import are_of_x, find
from tweetream.sources.replay.tables import build

_any, _object = Decoder(), Decoder(dict[str, Raw])
_MAX_REMEMBERED = 4096  # characters of an object's names; a file can have ever new ones of a megabyte
_NAMES = ("username", "screen_name", "acct", "handle", "name")  # of an author given as an object


def parse_plain(line: bytes | Raw, at: ParseContext, chosen: Mapping[str, str]) -> PostOrDrop:
    """The post of an object. Raises ValueError if it is no JSON object."""
    fields = decode(_object, line)
    understand = _columns if sum(map(len, fields)) <= _MAX_REMEMBERED else _columns.__wrapped__
    columns, of_x = understand(tuple(fields), tuple(chosen.items()))
    values = {meaning: _value(fields, name) for meaning, name in columns.items()}
    if not isinstance(text := values.get("text"), str):
        return Drop.MALFORMED
    return build(
        at,
        text,
        id=as_text(values.get("id")),
        time=values.get("time"),
        author=_name_of(values.get("author")),
        url=as_text(values.get("url")),
        lang=as_text(values.get("lang")),
        of_x=of_x,
    )


@lru_cache(maxsize=512)  # the objects of a file have the same fields
def _columns(names: tuple[str, ...], chosen: tuple[tuple[str, str], ...]) -> tuple[dict[str, str], bool]:
    paths = {meaning: name for meaning, name in chosen if name.partition(".")[0] in names}
    return find(names, dict(chosen)) | paths, are_of_x(names)


def _value(fields: dict[str, Raw], name: str) -> object:
    """The value of a field, or of a field in an object: `user.name`."""
    rest = ""
    if name not in fields:
        name, _, rest = name.partition(".")
    try:
        value = decode(_any, fields[name])
    except (ValueError, RecursionError):  # NaN, for example
        return None
    for part in rest.split(".") if rest else ():
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _name_of(author: object) -> str:
    if isinstance(author, dict):
        return next((as_text(author[name]) for name in _NAMES if author.get(name)), "")
    return as_text(author)
