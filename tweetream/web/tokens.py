"""The tokens that a worker knows: TWEETREAM_API_TOKEN, and those of the file TWEETREAM_TOKENS. Imports no Faust.

The file is read again when it changes. A file that cannot be read then is logged once, and the last good one stays.
"""

import hmac
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from tweetream.models.token import BadTokens, NamedToken, Role, hash_of, parse_tokens, read_key
from tweetream.settings import Settings

log = logging.getLogger(__name__)
LOOK_EVERY = 1.0  # seconds between two looks at the file
API_TOKEN = "token"  # the name of the one token that the settings hold


class Tokens:
    """Finds a token's name and role. Each comparison takes the same time, however much of a token is right."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._api_token = settings.api_token.get_secret_value().encode(errors="surrogateescape")
        self._path = settings.tokens
        self._clock = clock
        self._named: tuple[NamedToken, ...] = ()
        self._seen: tuple[int, ...] | None = None
        self._look_at = clock()

    def __bool__(self) -> bool:
        """Whether the settings name any token."""
        return bool(self._api_token or self._path)

    def of(self, token: bytes) -> tuple[str, Role] | None:
        """The name and the role of a token; None for a wrong one."""
        found = None
        if self._api_token and hmac.compare_digest(token, self._api_token):
            found = API_TOKEN, Role.ADMIN
        return self._of_hash(hash_of(read_key(token))) or found

    def of_read_key(self, key: str) -> tuple[str, Role] | None:
        """The name of the token that a read key was made of; the role is always to read."""
        found = None
        if self._api_token and hmac.compare_digest(hash_of(key), hash_of(read_key(self._api_token))):
            found = API_TOKEN
        named = self._of_hash(hash_of(key))
        name = named[0] if named else found
        return None if name is None else (name, Role.READ)

    def _of_hash(self, hash: str) -> tuple[str, Role] | None:
        found = None
        for named in self._current():
            if hmac.compare_digest(hash, named.hash):
                found = named.name, named.role
        return found

    def _current(self) -> tuple[NamedToken, ...]:
        if self._path is not None and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_EVERY
            self._look(self._path)
        return self._named

    def _look(self, path: Path) -> None:
        """Read the file if it is another one than at the last look."""
        seen: tuple[int, ...] = ()
        try:
            status = os.stat(path)
            seen = status.st_mtime_ns, status.st_size, status.st_ino
            if seen != self._seen:
                self._named = parse_tokens(path.read_text("utf-8"))
                log.info("TWEETREAM_TOKENS: %d tokens", len(self._named))
        except (OSError, UnicodeDecodeError, BadTokens) as error:
            if seen != self._seen:
                log.error("TWEETREAM_TOKENS: %s: %s; the tokens known before stay", path, error)
        self._seen = seen
