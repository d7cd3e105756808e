"""The lock of an archive: one row says which archiver writes and when it last did, so that there is one.

An archiver that was killed on this machine is known at once by its process. One of another machine counts as gone when
the row has not changed for TTL seconds by our own clock. An archiver that was frozen for longer finds the lock taken,
since each of its transactions asks for it.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable

from sqlalchemy import Connection, select

from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.schema import archive

TTL = 10.0  # seconds
BEAT = 2.0  # seconds between two signs of life


class Lock:
    """The lock as one archiver sees it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def take(self, connection: Connection) -> None:
        """Take the lock. Raises BadArchive if another archiver is alive, ArchiveUnavailable if it may be."""
        holder, seen_at = connection.execute(select(archive.c.holder, archive.c.seen_at)).one()
        if holder not in ("", self._name) and not _has_ended(holder):
            self._check(holder, seen_at)
        connection.execute(archive.update().values(holder=self._name, seen_at=_now()))

    def _check(self, holder: str, seen_at: int) -> None:
        host, process, _ = holder.rsplit(":", 2)
        if self._seen is not None and self._seen[0] == holder and self._seen[1] != seen_at:
            raise BadArchive(f"another archiver, process {process} on {host}, writes there already")
        if self._seen != (holder, seen_at):
            self._seen, self._since = (holder, seen_at), self._clock()
        if self._clock() - self._since < TTL:
            raise ArchiveUnavailable(f"looking whether the archiver of process {process} on {host} is alive")

    def hold(self, connection: Connection, lag: int) -> None:
        """Say in a transaction that the archiver lives. Raises BadArchive if another one has taken the lock."""
        mine = archive.update().where(archive.c.holder == self._name)
        if not connection.execute(mine.values(seen_at=_now(), lag=lag)).rowcount:
            raise BadArchive("another archiver has taken over this archive")

    def release(self, connection: Connection) -> None:
        connection.execute(archive.update().where(archive.c.holder == self._name).values(holder=""))


def _has_ended(holder: str) -> bool:
    """Whether the archiver ran on this machine and runs no more."""
    host, process, _ = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    if int(process) == os.getpid():  # as in a container that was started again
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _now() -> int:
    return time.time_ns() // 1_000_000
