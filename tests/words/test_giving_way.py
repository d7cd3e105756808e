"""A long text in a thread lets others run between its parts, also when none of them can ask for the interpreter."""

import sys
import time
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from tweetream.text import Cleaner, normalise

LONG = "\ufdfa" * 10_000  # 180,000 letters when it is folded


@pytest.fixture(autouse=True)
def _no_forced_switch() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(usual)


def turns(work: Callable[[], object]) -> int:
    """How often this thread runs while another one works."""
    thread = Thread(target=work)
    thread.start()
    count = 0
    while thread.is_alive():
        count += 1
        time.sleep(0)
    return count


def test_normalise_gives_way() -> None:
    assert turns(lambda: normalise(LONG)) >= 5


def test_clean_gives_way() -> None:
    words = normalise("\u00e9a \u00e9b \u00e9c \u00e9d " * 10_000)  # 100 parts
    assert turns(lambda: Cleaner().clean(words)) >= 10
