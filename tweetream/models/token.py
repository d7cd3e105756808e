"""Named tokens: their roles, and the lines of the file TWEETREAM_TOKENS. Holds hashes, never a token.

A line is `NAME ROLE HASH`. HASH is the SHA-256 of the token's read key, and the read key is a hash of the token. So a
browser can keep the read key in a cookie: it opens reading, and nobody can compute the token or a change from it. A
token has 256 random bits. Nobody can guess it, so a slow hash would only let strangers keep a worker busy.
"""

import hashlib
import os
import re
import secrets
import stat
from enum import IntEnum
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
RESERVED = frozenset({"loopback", "settings", "token", "unknown"})  # they stand in the list of changes for others
_HASH = re.compile(r"[0-9a-f]{64}")


class Role(IntEnum):
    """What a token allows; each role allows what those below it do."""

    READ = 1  # read, where TWEETREAM_READ=token
    EDIT = 2  # add, change and delete topics
    ADMIN = 3  # see who changed what


ROLES = {role.name.lower(): role for role in Role}


class BadTokens(ValueError):
    """The text is not a file of named tokens; the message names the line."""


class NamedToken(NamedTuple):
    """A line of the file."""

    name: str
    role: Role
    hash: str

    @property
    def line(self) -> str:
        return f"{self.name} {self.role.name.lower()} {self.hash}"


def read_key(token: bytes) -> str:
    """What a browser keeps of a token: enough to read, useless for a change."""
    return hashlib.sha256(b"tweetream read key\n" + token).hexdigest()


def hash_of(key: str) -> str:
    """The hash of a read key, as the file has it."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


def check_token_name(name: str) -> str:
    """`name`, if a token can have it. Raises BadTokens."""
    if not NAME.fullmatch(name):
        raise BadTokens(f"{name[:80]!r} is not a name: write 1 to 64 letters, digits or . _ @ -")
    if name.lower() in RESERVED:
        raise BadTokens(f"{name!r} is not a name: the list of changes uses it for something else")
    return name


def new_token(name: str, role: Role) -> tuple[str, NamedToken]:
    """A new token, and its line. Raises BadTokens for a name that no token can have."""
    check_token_name(name)
    token = secrets.token_hex(32)
    return token, NamedToken(name, role, hash_of(read_key(token.encode())))


def exposure(mode: int, *, secret: bool) -> str:
    """What is wrong with the mode of a file of tokens, in one line; empty if nothing is.

    A file that is not `secret` holds hashes: others who read it can use none, and others who write it can add one.
    """
    if os.name == "nt":  # these bits say nothing there
        return ""
    if mode & stat.S_IWOTH:
        return "every user of this machine can change it: run chmod 600"
    if mode & stat.S_IROTH:
        what = "the token" if secret else "the names and roles of the tokens"
        return f"every user of this machine can read {what} in it: run chmod 600"
    return ""


def parse_tokens(text: str) -> tuple[NamedToken, ...]:
    """The tokens of a file; blank lines and lines that begin with # are left out. Raises BadTokens."""
    found: dict[str, NamedToken] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            token = _parse(words)
        except BadTokens as error:
            raise BadTokens(f"line {number}: {error}") from None
        if token.name in found:
            raise BadTokens(f"line {number}: the name {token.name!r} is there twice")
        found[token.name] = token
    if not found:
        raise BadTokens("it has no token; `tweetream token NAME` makes a line")
    return tuple(found.values())


def _parse(words: list[str]) -> NamedToken:
    if len(words) != 3:
        raise BadTokens("write NAME ROLE HASH; `tweetream token NAME` makes a line")
    name, role, hash = words
    if role not in ROLES:
        raise BadTokens(f"{role[:80]!r} is not a role; write read, edit or admin")
    if not _HASH.fullmatch(hash):
        raise BadTokens("the hash is not 64 hexadecimal digits; `tweetream token NAME` makes a line")
    return NamedToken(check_token_name(name), ROLES[role], hash)
