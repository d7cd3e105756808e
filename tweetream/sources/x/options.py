"""The URL of X as a source, read and checked: `x:[?api=https://api.x.com&lang=id,en&private=true]`.

It opens no connection.
"""

import re
from typing import NamedTuple

from yarl import URL

from tweetream.sources.addresses import Hosts, normalised
from tweetream.sources.base import SourceError
from tweetream.sources.options import UrlOptions, check_no_password, check_printable

API = "https://api.x.com"
OLD_NAMES = {"id": "in", "he": "iw", "yi": "ji"}  # X still uses the names that ISO 639 had before 1989
_LANGUAGE = re.compile("[a-z]{2,3}")  # X has no regional variants


class Options(NamedTuple):
    """The options in the URL of a source."""

    api: URL
    langs: tuple[str, ...]  # as X names them
    hosts: Hosts

    def accepts(self, lang: str) -> bool:
        """Whether the URL asks for posts in this language. A post without a language is accepted."""
        return not self.langs or not lang or OLD_NAMES.get(lang, lang) in self.langs


def read_url(url: str) -> Options:
    """Read the options in a URL. Raises SourceError."""
    check_no_password(url, "x", "TWEETREAM_X_BEARER_TOKEN")
    check_printable(url)
    rest, _, query = url.partition(":")[2].partition("?")
    if rest not in ("", "//"):
        raise SourceError(f"{url}: write x:, or x:?NAME=VALUE with the options api, lang and private")
    options = UrlOptions(url, "x", query, ("api", "lang", "private"))
    written = options.get("api")
    try:
        api = URL(API if written is None else written)
        valid = api.scheme in ("http", "https") and bool(api.host) and api.path in ("", "/") and not api.query_string
        valid = valid and api.port is not None
    except ValueError:
        valid = False
    if not valid:
        raise options.error(f"api is an address such as {API}")
    langs = options.languages(_LANGUAGE)
    hosts = Hosts((normalised(api.raw_host or ""),), options.private())
    return Options(api, tuple(sorted({OLD_NAMES.get(lang, lang) for lang in langs})), hosts)
