"""The address of an archive: `sqlite:///FILE`, `postgresql://…`, or `parquet:FOLDER`. Imports no database."""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from typing_extensions import override

from tweetream.archive.errors import BadArchive

DEFAULT = "sqlite:///posts.db"
FORMS = "write sqlite:///FILE, postgresql://USER@HOST/DATABASE or parquet:FOLDER"
_PASSWORD = re.compile(r"(//[^:/]*:).*(?=@)|(\bpassword=)[^&]*")


class Address(NamedTuple):
    """Which kind of archive, and where: a path, or the URL of a database. `str` of it hides the password."""

    kind: str
    place: str

    @override
    def __str__(self) -> str:
        if self.kind == "postgresql":
            return _hidden(self.place)
        return f"{self.kind}:{'///' if self.kind == 'sqlite' else ''}{self.place}"


def parse_address(text: str) -> Address:
    """Raises BadArchive."""
    scheme, _, rest = text.strip().partition(":")
    match scheme.lower():
        case "sqlite":
            return Address("sqlite", _file(rest))
        case "postgresql" | "postgres":
            if not rest.startswith("//") or not urlsplit(f"x:{rest}").path.strip("/"):
                raise BadArchive(f"the archive's address names no database; {FORMS}")
            return Address("postgresql", f"postgresql:{rest}")
        case "parquet":
            folder = unquote(rest.removeprefix("//"))
            if not folder or "\0" in folder:
                raise BadArchive(f"the archive's address names no folder; {FORMS}")
            return Address("parquet", folder)
    raise BadArchive(f"{_hidden(text)[:200]!r} is not the address of an archive; {FORMS}")


def _hidden(text: str) -> str:
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", text)


def _file(rest: str) -> str:
    if not rest.startswith("///") or "?" in rest or not (path := unquote(rest[3:])) or "\0" in path:
        raise BadArchive("the archive's address names no file; write sqlite:///FILE, or sqlite:////FOLDER/FILE")
    return path
