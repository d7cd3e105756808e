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
from tweetream.sources.replay.choices import Choices
from tweetream.sources.replay.columns import are_of_x, find
from tweetream.sources.replay.encoding import in_one_line
from tweetream.sources.replay.tables import build
from tweetream.sources.times import read_time

_any, _object = Decoder(), Decoder(dict[str, Raw])
MAX_FIELDS = 5_000  # of an object; a megabyte could have a hundred thousand
_MAX_REMEMBERED = 4096  # characters of an object's names; a file can have ever new ones of a megabyte
_NAMES = ("username", "userName", "screen_name", "acct", "handle", "name")  # of an author given as an object


def parse_plain(line: bytes | Raw, at: ParseContext, chosen: Mapping[str, str]) -> PostOrDrop:
    """The post of an object. Raises ValueError if it is no JSON object."""
    fields = decode(_object, line)
    if len(fields) > MAX_FIELDS:  # looking through their names would hold the event loop
        return Drop.MALFORMED
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


def advice(line: bytes, choices: Choices) -> str:
    """How to mend a file whose values give no post, from such a value; "" if it has the field of the text."""
    try:
        fields = decode(_object, line)
    except (ValueError, RecursionError):
        return "no JSON object; write a JSON object for each post, with its text, in a line of its own"
    names = [in_one_line(name) for name in fields]
    there = f"there are: {', '.join(names)[:200] or 'nothing'}"
    found = _columns(tuple(fields), tuple(choices.columns.items()))[0]
    if "text" not in found:
        wanted = choices.columns.get("text")
        missing = f"no field {wanted!r}" if wanted else "no field 'text', nor another known name"
        likely = _longest(decode(_any, line))[1] or "NAME"
        return f"{missing}; name it with {choices.option('text', likely)} ({there})"
    if bytes(fields[found["text"].partition(".")[0]]).startswith((b"{", b"[")):
        return "the posts stand in columns; write a JSON object for each post (pandas: orient='records')"
    return ""


def _longest(value: object) -> tuple[int, str]:
    """The length of the longest text in an object, and its path, such as `like.fullText`."""
    if isinstance(value, dict):
        inner = ((_longest(item), name) for name, item in value.items())
        return max(((size, f"{name}.{path}".rstrip(".")) for (size, path), name in inner if size), default=(0, ""))
    no_text = not isinstance(value, str) or value.startswith(("http://", "https://")) or read_time(value) is not None
    return 0 if no_text else len(str(value)), ""


def _name_of(author: object) -> str:
    if isinstance(author, dict):
        return next((as_text(author[name]) for name in _NAMES if author.get(name)), "")
    return as_text(author)
