"""Bounds the memory of answers that clients have asked for and do not read. Imports no Faust.

A connection that is not read is closed after 30 s (`engine/http_connection.py`). Until then it holds its answer, of up
to 2 MiB, and a few addresses have a thousand connections. Streams and exports have limits of their own.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator

from aiohttp import web

from tweetream.web.problems import Problem

SMALL = 64 * 1024  # bytes of an answer that is not counted
MAX_BYTES, MAX_BYTES_PER_ADDRESS = 256 * 1024 * 1024, 32 * 1024 * 1024


def size_of(answer: web.Response) -> int:
    """The bytes of an answer's body that is in memory."""
    return len(answer.body) if isinstance(answer.body, bytes | bytearray) else 0


class Unread:
    """Counts the bytes of large answers until their clients have taken them."""

    def __init__(self, most: int = MAX_BYTES, most_each: int = MAX_BYTES_PER_ADDRESS) -> None:
        self._most, self._most_each = most, most_each
        self._of: Counter[str] = Counter()
        self._all = 0

    @contextlib.contextmanager
    def answer(self, client: str, size: int) -> Iterator[None]:
        """Count an answer of so many bytes within the block. Raises Problem if the client, or all, leave too many."""
        if self._of[client] + size > self._most_each and self._of[client]:
            raise Problem(429, "this address does not read its answers", {"Retry-After": "5"})
        if self._all + size > self._most and self._all:
            raise Problem(429, "too many answers wait to be read", {"Retry-After": "5"})
        self._of[client] += size
        self._all += size
        try:
            yield
        finally:
            self._all -= size
            self._of[client] -= size
            if not self._of[client]:
                del self._of[client]  # else addresses would accumulate
