"""What a stream's lines tell: how late each post comes, and whether one is missing. Knows no locust.

A post's time is from `received_at`, when a worker read it, to its arrival here: the clocks of the workers and of this
machine must agree. A stream has a hole when an offset is left out, or when it gets a `gap`.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime

RECEIVED_AT = b'"received_at":"'


class Hole(Exception):
    """Events are missing in a stream."""


def delays(lines: Iterable[bytes], skipped: int = 0) -> Iterator[float]:
    """How late each post comes, in seconds. Raises Hole. `skipped` duplicates in a row are no hole."""
    offsets: dict[bytes, int] = {}
    id, name = b"", b""
    for line in lines:
        if line.startswith(b"event: "):
            name = line[7:].strip()
        elif line.startswith(b"id: "):
            id = line[4:].strip()
        elif line == b"\n":
            name = b""
        elif line.startswith(b"data: "):
            if name == b"gap":
                raise Hole(line.decode())
            _check(offsets, id, skipped if name == b"" else None)
            start = line.find(RECEIVED_AT) + len(RECEIVED_AT)
            if name == b"" and start >= len(RECEIVED_AT):
                yield time.time() - datetime.fromisoformat(line[start : start + 24].decode()).timestamp()


def _check(offsets: dict[bytes, int], id: bytes, skipped: int | None) -> None:
    """An id has the offset of each feed, and a post moves one of them by one. None: the event is no post."""
    for position in id.split(b","):
        feed, _, offset = position.rpartition(b":")
        if feed:
            before, offsets[feed] = offsets.get(feed), int(offset)
            if skipped is not None and before is not None and not 0 <= offsets[feed] - before <= skipped + 1:
                raise Hole(f"{feed.decode()} went from {before} to {offsets[feed]}")
