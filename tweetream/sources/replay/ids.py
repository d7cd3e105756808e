"""The ids of a file's posts. Spreadsheets and data tools damage ids, so an id is believed only if it can be one.

An id of a table or a plain JSON object is the file's own: `replay:NAME:#ID`. It is the network's in an export of X
(`x:ID`), and where it has a network's prefix already. A post without a usable id gets `replay:NAME:LINE`.
"""

import re
from collections.abc import Iterable

from tweetream.sources.post_builder import MAX_ID

REMEMBERED = 50_000  # ids of a file whose texts are known
_PREFIXED = re.compile(r"[a-z][a-z0-9_-]{0,31}:\S")
_OF_X = re.compile(r"[1-9][0-9]{7,19}", re.ASCII)  # smaller numbers are those of rows
_NOTHING = frozenset(("nan", "none", "null", "na", "n/a", "undefined", "true", "false", "-", "?"))
_ROUNDED = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+"  # 1.60000E+18
    r"|\d{12,}0000|\d{16,}[.,]0*"  # a spreadsheet keeps 15 digits; a float of pandas, 16
    r"|#.*|.*[\x00-\x1f].*",  # an error of a spreadsheet, such as #N/A
    re.ASCII | re.DOTALL,
)
_GUARDED = re.compile(r"""="?([^"]*)"?|['‘’](.*)""", re.DOTALL)  # ="1600…3" and '1600…3: so that Excel keeps a number


def usable(written: str) -> str:
    """An id as a file has it, or "" if it cannot be one."""
    id = written.strip()
    if id.isdigit() and len(id) < 16:
        return id
    if id[:1] in "='‘’" and (guarded := _GUARDED.fullmatch(id)):
        id = guarded[1] or guarded[2] or ""
    return "" if id.casefold() in _NOTHING or _ROUNDED.fullmatch(id) else id


def id_in_file(written: str, line: str, of_x: bool = False) -> str:
    """The id of a post from the id that its file has, or "". `line` is the id of its line, `replay:NAME:LINE`."""
    if (":" in written and _PREFIXED.match(written)) or len(written) > MAX_ID:
        return written.rstrip()
    id = usable(written)
    if not id:
        return ""
    if of_x and _OF_X.fullmatch(id):
        return f"x:{id}"
    own = f"{line[: line.rfind(':')]}:#{id}"
    return own if len(own) <= MAX_ID else ""


class TextsById:
    """Tells whether an id was given to another text before, among the last ids."""

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def is_other(self, id: str, text: str) -> bool:
        """Whether another text has this id. The first text keeps it."""
        known = self._new.get(id) or self._old.get(id)
        if known is not None:
            return known != hash(text)
        self._new[id] = hash(text)
        if len(self._new) > REMEMBERED:
            self._old, self._new = self._new, {}
        return False


def names(paths: Iterable[str]) -> dict[str, str]:
    """The shortest end of each path that no other of the paths has."""
    found: dict[str, str] = {}
    parts = {path: [part for part in path.split("/") if part] or [path] for path in dict.fromkeys(paths)}
    for path, own in parts.items():
        size = 1
        while size < len(own) and any(other[-size:] == own[-size:] for at, other in parts.items() if at != path):
            size += 1
        found[path] = "/".join(own[-size:])
    return found
