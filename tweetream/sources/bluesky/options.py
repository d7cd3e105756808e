"""The URL of Bluesky as a source, read and checked: which server, which version of its protocol, which languages.

It opens nothing. Whatever is wrong is a SourceError of one line that says what to write instead, and shows nothing of
the server's URL, which may hold a password.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from yarl import URL

from tweetream.sources.base import MAX_LINE, SourceError
from tweetream.sources.bluesky.jetstream import METHOD, POSTS

HOSTS = tuple(f"jetstream{number}.us-{side}.bsky.network" for side in ("east", "west") for number in (1, 2))
_LANG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*")


class Options(NamedTuple):
    """What the URL of a source says."""

    servers: tuple[URL, ...]  # any of them; what is asked of them is in it, but for the cursor
    v2: bool
    langs: tuple[str, ...]
    public: bool  # the servers are Bluesky's own


def read_url(url: str) -> Options:
    """The options in a URL. Raises SourceError."""
    place, _, query = url.partition(":")[2].partition("?")
    if place not in ("", "//"):
        raise SourceError("bluesky: write bluesky: or bluesky:?url=wss://HOST/subscribe for a server of one's own")
    given = parse_qsl(query, keep_blank_values=True)
    options = dict(given)
    if unknown := sorted(set(options) - {"url", "lang"}):
        raise SourceError(f"bluesky: unknown option {unknown[0][:40]!r}; there are url and lang")
    if len(options) < len(given):
        raise SourceError("bluesky: an option is given twice; give each once, languages as lang=id,en")
    langs = _langs(options.get("lang"))
    if "url" not in options:
        return Options(tuple(_asked(URL(f"wss://{host}/subscribe"), False) for host in HOSTS), False, langs, True)
    server = _server(options["url"])
    v2 = server.path.rstrip("/").endswith(f"/{METHOD}")
    return Options((_asked(server, v2),), v2, langs, False)


def _langs(written: str | None) -> tuple[str, ...]:
    if written is None:
        return ()
    langs = tuple(lang.strip().lower() for lang in written.split(","))
    for lang in langs:
        if not _LANG.fullmatch(lang):
            raise SourceError(f"bluesky: lang is a list as id,en, and {lang[:20]!r} is no language's code")
    return langs


def _server(written: str) -> URL:
    try:
        parts = urlsplit(written)
        sound = written.isprintable() and parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
        server = URL(written)
    except ValueError:  # a port that is no number, a bracket that is open
        sound = False
    if not sound:
        raise SourceError("bluesky: url is the address of a Jetstream server, as wss://HOST/subscribe")
    if server.user is not None or server.password is not None:
        # The URL of a source is shown to whoever asks for the state of the sources.
        raise SourceError("bluesky: url holds a name or password, which everybody would see; Jetstream asks for none")
    return server.with_path("/subscribe", keep_query=True) if server.path in ("", "/") else server


def _asked(server: URL, v2: bool) -> URL:
    wanted = {"collections": POSTS, "kinds": ("commit", "account")} if v2 else {"wantedCollections": POSTS}
    # A longer one would be dropped unread: better that it is not sent.
    return server.update_query(wanted | {"maxMessageSizeBytes": str(MAX_LINE)})
