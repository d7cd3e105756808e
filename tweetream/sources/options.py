"""The options in the URL of a source: `SCHEME:…?NAME=VALUE&NAME=VALUE`, read and checked the same way for all sources.

Each fault is a SourceError of one line that says what to write instead.
"""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote

from tweetream.sources.base import SourceError

LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*")  # a language tag of BCP 47, in lower case


def check_printable(url: str) -> None:
    """Refuse a URL that cannot be a key in every batch and part of a one-line message."""
    if not url.isprintable():
        raise SourceError(f"{url!r}: percent-encode unprintable characters in the URL of a source")


def check_no_password(url: str, scheme: str, setting: str) -> None:
    """Refuse a URL with a password. Call this before any message can show the URL."""
    if "@" in unquote(url):
        raise SourceError(f"{scheme}: a URL holds no password; put the token into {setting}")


class UrlOptions:
    """The options of one URL. `shown` begins every message: the URL, or the scheme where the URL may hold a secret."""

    def __init__(self, shown: str, scheme: str, query: str, known: Sequence[str]) -> None:
        self._shown = shown
        pairs = parse_qsl(query, keep_blank_values=True)
        self._values = dict(pairs)
        if unknown := sorted(self._values.keys() - set(known)):
            raise self.error(f"unknown option {unknown[0][:40]!r}; {scheme} knows {_listed(known, 'and')}")
        if len(self._values) < len(pairs):
            raise self.error("an option is given twice; give each once")

    def error(self, message: str) -> SourceError:
        """An error whose message begins with the URL."""
        return SourceError(f"{self._shown}: {message}")

    def get(self, name: str) -> str | None:
        """The value of an option; None if it is not given."""
        return self._values.get(name)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """The value of an option that has only these values."""
        value = self._values.get(name, default)
        if value not in allowed:
            raise self.error(f"{name} is {_listed(allowed, 'or')}, not {value!r}")
        return value

    def private(self) -> bool:
        """The option `private`: whether the hosts in the URL may have addresses of a private network."""
        return self.choice("private", ("true", "false"), "false") == "true"

    def languages(self, pattern: re.Pattern[str] = LANGUAGE) -> tuple[str, ...]:
        """The option `lang`: language tags in lower case, in the order given; none if it is not given."""
        if (written := self._values.get("lang")) is None:
            return ()
        tags = tuple(tag.strip().lower() for tag in written.split(","))
        for tag in tags:
            if not pattern.fullmatch(tag):
                raise self.error(f"lang is a list of language codes such as id,en; {tag[:20]!r} is not one")
        return tags


def _listed(names: Sequence[str], word: str) -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
