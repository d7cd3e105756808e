"""The state of the archive as a worker sees it: whether an archiver writes it, and how far it is. Imports no Faust.

The archiver leaves a sign of life in the archive every two seconds, with the number of records that it has not written.
A worker reads that, at most every few seconds however many ask.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tweetream import metrics
from tweetream.archive.address import parse_address
from tweetream.archive.errors import ArchiveMissing
from tweetream.models.feed import rfc3339
from tweetream.models.printable import printable
from tweetream.web.archive_reads import NONE, ArchiveReads
from tweetream.web.problems import Problem
from tweetream.web.schemas import ArchiveAnswer

EVERY = 5.0  # seconds between two looks
SILENT = 15_000  # ms without a sign of life after which the archiver counts as stopped
BEHIND = 10_000  # records that are not archived, from which on that is said
START = "start `tweetream archive`"


def _sign_of_life(reader: Any) -> tuple[int, int] | str:
    """The archiver's lag and when it said so (ms), or why there is none. Runs in a thread."""
    try:
        found: tuple[int, int] = reader.lag()
        return found
    except ArchiveMissing as error:
        return printable(error)


class ArchiveWatch:
    """Looks at the archive. `clock` gives ms since 1970."""

    def __init__(self, reads: ArchiveReads, url: str, clock: Callable[[], float] = lambda: time.time() * 1000) -> None:
        self._reads, self._clock, self._url = reads, clock, url
        self._turn = asyncio.Lock()
        self._answer: ArchiveAnswer | None = None
        self._again_at = 0.0

    async def state(self) -> ArchiveAnswer:
        """The state; `none` without an archive, since a browser's console would name each answer 404."""
        if not self._url:
            return ArchiveAnswer(None, "none", None, None, NONE)
        async with self._turn:
            if self._answer is None or time.monotonic() >= self._again_at:
                self._answer = await self._look()
                self._again_at = time.monotonic() + EVERY
        return self._answer

    async def _look(self) -> ArchiveAnswer:
        kind = parse_address(self._url).kind
        try:
            found = await self._reads.run(_sign_of_life)
        except Problem as error:
            answer = ArchiveAnswer(kind, "unreachable", None, None, error.detail)
        else:
            if isinstance(found, str):
                answer = ArchiveAnswer(kind, "missing", None, None, f"{found}: {START}")
            else:
                lag, seen_at = found
                answer = self._of(kind, lag, seen_at)
                metrics.archive_behind.labels(kind).set(lag)
                metrics.archive_silence.labels(kind).set(max(0.0, self._clock() - seen_at) / 1000)
        metrics.archive_up.labels(kind).set(answer.state in ("archiving", "behind"))
        return answer

    def _of(self, kind: str, lag: int, seen_at: int) -> ArchiveAnswer:
        at = rfc3339(seen_at)
        if self._clock() - seen_at > SILENT:
            return ArchiveAnswer(kind, "stopped", lag, at, f"no archiver has written since {at}: {START}")
        return ArchiveAnswer(kind, "behind" if lag >= BEHIND else "archiving", lag, at, None)
