"""Where posts come from: one file a network, chosen by the scheme of a URL.

Nothing here knows Kafka or Faust. A source is added by one line in SCHEMES, or by another package: an entry point of
the group `tweetream.sources`, whose name is the scheme and whose object makes the source of a URL (guests.py).
"""

from tweetream.sources.base import Context, Maker, Source, SourceError
from tweetream.sources.bluesky import source
from tweetream.sources.mastodon.source import Mastodon
from tweetream.sources.plugins import PluginSource, found
from tweetream.sources.replay.source import Replay


def _x(url: str, context: Context) -> Source:
    from tweetream.sources.x.source import X  # tweepy takes half a second to import

    return X(url, context)


SCHEMES: dict[str, Maker] = {
    "bluesky": source.make,
    "mastodon": Mastodon,
    "replay": lambda url, _: Replay(url),
    "x": _x,
}


def open_source(url: str, context: Context) -> Source:
    """The source a URL names. Raises SourceError, one line, for one that cannot be."""
    scheme, colon, _ = url.partition(":")
    scheme = scheme.lower()
    if colon and scheme in SCHEMES:
        return SCHEMES[scheme](url, context)
    others = {name: point for name, point in found().items() if name not in SCHEMES}
    if colon and scheme in others:
        return PluginSource(others[scheme], url, context)
    # Only the scheme is shown: what follows it may hold a password.
    known = ", ".join(f"{name}:" for name in sorted({*SCHEMES, *others}))
    raise SourceError(f"unknown kind of source {scheme[:40]!r}: a source's URL begins with one of {known}")
