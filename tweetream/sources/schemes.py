"""Opens the source that a URL names by its scheme.

A network's module is imported when its scheme is opened: some import large libraries. Another package adds a scheme
by an entry point of the group `tweetream.sources` (`plugins.py`); it cannot replace one of ours.
"""

from importlib import import_module

from tweetream.sources.base import Context, Maker, Source, SourceError

SCHEMES = {  # the module with the function `make(url, context)`
    "bluesky": "tweetream.sources.bluesky.source",
    "mastodon": "tweetream.sources.mastodon.source",
    "replay": "tweetream.sources.replay.source",
    "x": "tweetream.sources.x.source",
}


def open_source(url: str, context: Context) -> Source:
    """The source that a URL names. Raises SourceError, in one line, if it cannot be opened."""
    scheme, colon, _ = url.partition(":")
    scheme = scheme.lower()
    if colon and scheme in SCHEMES:
        make: Maker = import_module(SCHEMES[scheme]).make
        return make(url, context)
    # Imported late: the built-in schemes need no entry points.
    from tweetream.sources.plugins import PluginSource, entry_points_by_scheme

    others = {name: point for name, point in entry_points_by_scheme().items() if name not in SCHEMES}
    if colon and scheme in others:
        return PluginSource(others[scheme], url, context)
    # The message shows only the scheme: the rest of the URL may hold a password.
    known = ", ".join(f"{name}:" for name in sorted({*SCHEMES, *others}))
    raise SourceError(f"unknown kind of source {scheme[:40]!r}: a source's URL begins with one of {known}")
