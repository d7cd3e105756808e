"""The choices of a person about a file: its format, encoding and columns. They come from a URL or a command line."""

import codecs
import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

MEANINGS = ("text", "id", "time", "author", "url", "lang", "label")  # of a column; each is an option of its own
FORMATS = ("text", "csv", "jsonl")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


class BadChoice(ValueError):
    """A choice that cannot be; the message is one line."""


class Choices(NamedTuple):
    """What is chosen; None and nothing stand for what the file itself tells."""

    format: str | None = None
    columns: Mapping[str, str] = MappingProxyType({})  # the name of the column, by meaning
    names: tuple[str, ...] = ()  # of all columns, for a file without a header
    encoding: str | None = None
    separator: str | None = None
    day_first: bool | None = None
    needs_label: bool = False
    fallback: str = "text"  # the format of a file whose name tells none
    command_line: bool = False

    def option(self, name: str, value: str) -> str:
        """How this choice is written, for a message."""
        return f"--{name} {shlex.quote(value)}" if self.command_line else f"?{name}={quote(value, safe=',')}"


def choose(
    *,
    format: str | None = None,
    columns: Mapping[str, str | None],
    names: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    day_first: bool | None = None,
    command_line: bool = False,
) -> Choices:
    """The choices, checked. Raises BadChoice."""
    chosen = {meaning: name for meaning, name in columns.items() if name is not None}
    if "" in chosen.values() or (format == "text" and (chosen or names)):
        raise BadChoice("column names the field of the text in csv and jsonl; a text file has none")
    all_names = tuple(name.strip() for name in names.split(",")) if names is not None else ()
    if len(set(all_names)) < len(all_names):
        raise BadChoice("columns has a name twice; give each column another name")
    if missing := [name for name in chosen.values() if all_names and name not in all_names]:
        raise BadChoice(f"there is no column {missing[0]!r} among the columns {names}")
    mark = SEPARATORS.get(separator, separator) if separator is not None else None
    if mark is not None and mark not in SEPARATORS.values():
        raise BadChoice(f"separator is comma, semicolon, tab or pipe, not {separator!r}")
    return Choices(format, chosen, all_names, _encoding(encoding), mark, day_first, command_line=command_line)


def _encoding(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        found = codecs.lookup(name).name
        b" ".decode(found, "ignore")
    except Exception:  # noqa: BLE001  # what is no encoding of texts raises errors of any kind: base64 is a codec, too
        raise BadChoice(f"encoding is the name of one, such as cp1252 or utf-16, not {name!r}") from None
    return found
