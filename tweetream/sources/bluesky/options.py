"""The URL of Bluesky as a source, read and checked: the server, the version of its protocol, the languages.

It opens no connection. No message shows the server's URL, since it may hold a password.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

from yarl import URL

from tweetream.sources.addresses import Hosts, normalised
from tweetream.sources.base import MAX_LINE, SourceError
from tweetream.sources.bluesky.jetstream import METHOD
from tweetream.sources.bluesky.records import POSTS
from tweetream.sources.options import UrlOptions

HOSTS = tuple(f"jetstream{number}.us-{side}.bsky.network" for side in ("east", "west") for number in (1, 2))


class Options(NamedTuple):
    """The options in the URL of a source."""

    servers: tuple[URL, ...]  # any of them can be used; each has the whole query but the cursor
    v2: bool
    langs: tuple[str, ...]
    public: bool  # the servers are Bluesky's own
    hosts: Hosts


def read_url(url: str) -> Options:
    """Read the options in a URL. Raises SourceError."""
    place, _, query = url.partition(":")[2].partition("?")
    if place not in ("", "//"):
        raise SourceError("bluesky: write bluesky: or, for your own server, bluesky:?url=wss://HOST/subscribe")
    options = UrlOptions("bluesky", "bluesky", query, ("url", "lang", "private"))
    langs = options.languages()
    if (written := options.get("url")) is None:
        servers = tuple(_with_query(URL(f"wss://{host}/subscribe"), False) for host in HOSTS)
        return Options(servers, False, langs, True, Hosts(HOSTS, options.private()))
    server = _server(written, options)
    v2 = server.path.rstrip("/").endswith(f"/{METHOD}")
    hosts = Hosts((normalised(server.raw_host or ""),), options.private())
    return Options((_with_query(server, v2),), v2, langs, False, hosts)


def _server(written: str, options: UrlOptions) -> URL:
    try:
        parts = urlsplit(written)
        valid = written.isprintable() and parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
        server = URL(written)
    except (IndexError, ValueError):  # a port that is not a number, an open bracket, an empty host
        valid = False
    if not valid:
        raise options.error("url is the address of a Jetstream server, such as wss://HOST/subscribe")
    if server.user is not None or server.password is not None:
        # Everybody who can read the status of the sources sees the URL of a source.
        raise options.error("url holds a name or password, which everybody would see; Jetstream needs none")
    return server.with_path("/subscribe", keep_query=True) if server.path in ("", "/") else server


def _with_query(server: URL, v2: bool) -> URL:
    filters = {"collections": POSTS, "kinds": ("commit", "account")} if v2 else {"wantedCollections": POSTS}
    # The source would drop a longer message unread, so the server should not send it.
    return server.update_query(filters | {"maxMessageSizeBytes": str(MAX_LINE)})
