"""Gives memory back to the system that the C library keeps for later. Linux with glibc; elsewhere it does nothing.

Large buffers come and go with answers that clients read slowly, and with long posts. glibc keeps their pages, since
small objects that live longer lie between them: without this, a worker stays as large as it ever was.
"""

import asyncio
import ctypes
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim  # a call by ctypes lets other threads run
    except (OSError, AttributeError):
        return None
    return found


async def give_back() -> None:
    """Give back all pages without an object. It takes about a millisecond for each 2 MiB, so a thread does it."""
    if (trim := _trim()) is not None:
        await asyncio.to_thread(trim, 0)
