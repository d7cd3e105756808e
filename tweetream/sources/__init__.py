"""Where posts come from: one file a network, chosen by the scheme of a URL.

Nothing here knows Kafka or Faust. A source is added by one line in SCHEMES.
"""

from collections.abc import Callable

from tweetream.sources.base import Source, SourceError
from tweetream.sources.replay import Replay

SCHEMES: dict[str, Callable[[str], Source]] = {"replay": Replay}


def open_source(url: str) -> Source:
    """The source a URL names. Raises SourceError, one line, for one that cannot be."""
    scheme, colon, _ = url.partition(":")
    make = SCHEMES.get(scheme.lower())
    if colon and make is not None:
        return make(url)
    # Only the scheme is shown: what follows it may hold a password.
    known = ", ".join(f"{name}:" for name in sorted(SCHEMES))
    raise SourceError(f"unknown kind of source {scheme[:40]!r}: a source's URL begins with one of {known}")
