"""Pages without an object go back to the system."""

import platform

import psutil

from tweetream.engine.memory import give_back

MANY, SIZE = 2_000, 60_000  # objects too small for pages of their own


def megabytes() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


async def test_memory_comes_back_although_a_newer_object_lives() -> None:
    """Stops answers and posts of an attack that leave a worker twice as large as it was."""
    await give_back()  # what earlier tests have freed would hold the objects
    before = megabytes()
    objects = [b"x" * SIZE for _ in range(MANY)]
    newest = objects[-1]
    full = megabytes()
    objects.clear()
    await give_back()
    assert full - before > 80
    if platform.libc_ver()[0] == "glibc":
        assert megabytes() - before < 40
    assert len(newest) == SIZE
