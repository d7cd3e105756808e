"""The URL of a Mastodon server, read and checked, and the addresses that follow from it. It connects to nothing.

mastodon://HOST[:PORT][?stream=public|local&tag=NAME&lang=id,en&scheme=https|http]
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tweetream.sources.base import SourceError

_KNOWN = ("scheme", "stream", "tag", "lang")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:.]{2,45}")
_PAIR = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9-]+)+|localhost|\[[0-9a-f:]+\])=([!-~]+)")  # a token's own "=" ends it
_LANG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


class Options(NamedTuple):
    """What the URL says."""

    host: str  # what ids are prefixed with
    base: str  # of the server's own addresses: https://HOST[:PORT]
    local: bool
    tag: str
    languages: frozenset[str]

    @property
    def stream(self) -> str:
        """The path and query of the stream."""
        if self.tag:
            return f"/api/v1/streaming/hashtag{'/local' if self.local else ''}?tag={quote(self.tag, safe='')}"
        return f"/api/v1/streaming/public{'/local' if self.local else ''}"

    @property
    def timeline(self) -> str:
        """The path of what the stream gave before."""
        return f"/api/v1/timelines/tag/{quote(self.tag, safe='')}" if self.tag else "/api/v1/timelines/public"

    def speaks(self, language: str) -> bool:
        """Whether a post in this language is asked for. One that does not say its language is."""
        language = language.lower()
        return not self.languages or not language or not self.languages.isdisjoint((language, language.split("-")[0]))


def read_url(url: str) -> Options:
    """The options in a URL. Raises SourceError."""
    if "@" in unquote(url):  # before any line that shows the URL
        raise SourceError("mastodon: a URL holds no password; put the token into TWEETREAM_MASTODON_TOKEN")
    if not url.isprintable():
        raise SourceError(f"{url!r}: percent-encode what cannot be printed in the URL of a source")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not _HOST.fullmatch(host) or parts.path.strip("/") or parts.fragment:
        raise SourceError(f"{url}: write mastodon://HOST or mastodon://HOST:PORT, with options behind a ?")
    given = _given(url, parts.query)
    scheme, stream = given.get("scheme", "https"), given.get("stream", "public")
    if scheme not in ("https", "http"):
        raise SourceError(f"{url}: scheme is https or http, not {scheme!r}")
    if stream not in ("public", "local"):
        raise SourceError(f"{url}: stream is public or local, not {stream!r}")
    tag = given.get("tag", "").removeprefix("#")
    if "tag" in given and not re.fullmatch(r"\w{1,100}", tag):
        raise SourceError(f"{url}: tag is one hashtag of letters, digits and _")
    languages = frozenset(given["lang"].lower().split(",")) if "lang" in given else frozenset()
    if not all(map(_LANG.fullmatch, languages)):
        raise SourceError(f"{url}: lang is codes such as id or en, separated by commas")
    address = f"[{host}]" if ":" in host else host
    return Options(host, f"{scheme}://{address}{f':{port}' if port else ''}", stream == "local", tag, languages)


def token_of(host: str, setting: str) -> tuple[str, bool]:
    """The token for a server, of `TOKEN` or `HOST=TOKEN,…`, and whether it is that server's own."""
    parts = [part.strip() for part in setting.split(",")]
    pairs = [found for part in parts if (found := _PAIR.fullmatch(part))]
    if len(pairs) < len(parts):
        return setting.strip(), False
    return {found[1].strip("[]"): found[2] for found in pairs}.get(host, ""), True


def _given(url: str, query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    unknown = sorted(set(given) - set(_KNOWN))
    if unknown:
        raise SourceError(f"{url}: unknown option {unknown[0]!r}; mastodon knows {', '.join(_KNOWN)}")
    if len(given) < len(pairs):
        raise SourceError(f"{url}: an option is given twice; give each once")
    return given
