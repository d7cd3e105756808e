"""The URL of a Mastodon server, read and checked, and the paths that follow from it. It opens no connection.

mastodon://HOST[:PORT][?stream=public|local&tag=NAME&lang=id,en&scheme=https|http&streaming=HOST&private=true]
"""

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from tweetream.sources.addresses import Hosts
from tweetream.sources.base import SourceError
from tweetream.sources.options import UrlOptions, check_no_password, check_printable

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:.]{2,45}")
_PAIR = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9-]+)+|localhost|\[[0-9a-f:]+\])=([!-~]+)")  # a token may end with "="


class Options(NamedTuple):
    """The options in the URL."""

    host: str  # the prefix of ids
    base: str  # of the server's own addresses: https://HOST[:PORT]
    local: bool
    tag: str
    languages: frozenset[str]
    hosts: Hosts  # that may get the token: the server, its subdomains, and the host for streaming

    @property
    def stream(self) -> str:
        """The path and query of the stream."""
        if self.tag:
            return f"/api/v1/streaming/hashtag{'/local' if self.local else ''}?tag={quote(self.tag, safe='')}"
        return f"/api/v1/streaming/public{'/local' if self.local else ''}"

    @property
    def timeline(self) -> str:
        """The path of the timeline, which holds the older statuses of the stream."""
        return f"/api/v1/timelines/tag/{quote(self.tag, safe='')}" if self.tag else "/api/v1/timelines/public"

    def accepts(self, language: str) -> bool:
        """Whether the URL asks for posts in this language. A post without a language is accepted."""
        language = language.lower()
        return not self.languages or not language or not self.languages.isdisjoint((language, language.split("-")[0]))


def read_url(url: str) -> Options:
    """Read the options in a URL. Raises SourceError."""
    check_no_password(url, "mastodon", "TWEETREAM_MASTODON_TOKEN")
    check_printable(url)
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not _HOST.fullmatch(host) or parts.path.strip("/") or parts.fragment:
        raise SourceError(f"{url}: write mastodon://HOST or mastodon://HOST:PORT, with options after a ?")
    options = UrlOptions(url, "mastodon", parts.query, ("scheme", "stream", "tag", "lang", "streaming", "private"))
    scheme = options.choice("scheme", ("https", "http"), "https")
    stream = options.choice("stream", ("public", "local"), "public")
    tag = options.get("tag")
    name = (tag or "").removeprefix("#")
    if tag is not None and not re.fullmatch(r"\w{1,100}", name):
        raise options.error("tag is one hashtag of letters, digits and _")
    streaming = (options.get("streaming") or host).lower().strip("[]")
    if not _HOST.fullmatch(streaming):
        raise options.error("streaming is the host of the server's stream, such as streaming.example.org")
    hosts = Hosts((host, streaming), options.private())
    address = f"[{host}]" if ":" in host else host
    base = f"{scheme}://{address}{f':{port}' if port else ''}"
    return Options(host, base, stream == "local", name, frozenset(options.languages()), hosts)


def token_of(host: str, setting: str) -> tuple[str, bool]:
    """The token for a server, from a setting `TOKEN` or `HOST=TOKEN,…`, and whether it is for that server only."""
    parts = [part.strip() for part in setting.split(",")]
    pairs = [found for part in parts if (found := _PAIR.fullmatch(part))]
    if len(pairs) < len(parts):
        return setting.strip(), False
    return {found[1].strip("[]"): found[2] for found in pairs}.get(host, ""), True
