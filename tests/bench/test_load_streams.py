"""The load test sees how late each post comes and each hole in a stream, and fails for them."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.paths import ROOT

sys.path.append(str(ROOT / "load"))

from streams import Hole, delays  # noqa: E402
from table import HEAD, Stage  # noqa: E402

from tweetream.models.feed import rfc3339  # noqa: E402


def stream(*ids: str, name: str = "") -> Iterator[bytes]:
    """The lines of a stream whose posts were read a second ago."""
    yield b": live\n"
    for id in ids:
        at = rfc3339(round(1000 * time.time()) - 1000)
        yield from (f"id: {id}\n".encode(), f'data: {{"n":1,"received_at":"{at}"}}\n'.encode(), b"\n", b":\n")
    if name:
        yield from (f"event: {name}\n".encode(), b"data: {}\n", b"\n")


def test_each_post_has_its_delay_whichever_of_the_feeds_it_is_of() -> None:
    found = list(delays(stream("a@1:7,b@1:3", "a@1:8,b@1:3", "a@1:8,b@1:4", name="position")))
    assert found == pytest.approx([1, 1, 1], abs=0.5)


@pytest.mark.parametrize("lines", [stream("a@1:7", "a@1:9"), stream("a@1:7", "a@1:6"), stream("a@1:7", name="gap")])
def test_a_post_that_is_left_out_is_a_hole(lines: Iterator[bytes]) -> None:
    with pytest.raises(Hole):
        list(delays(lines))


def test_skipped_duplicates_are_none() -> None:
    assert len(list(delays(stream("a@1:7", "a@1:9"), skipped=1))) == 2


def test_a_stage_fails_by_late_posts_by_a_hole_and_by_silence() -> None:
    good = Stage(1000, 5000, p50=20, p95=60, p99=250, longest=900, errors=3, holes=0, cpu="40 %")
    assert good.failures(250) == [] and good.row.split()[:8] == ["1000", "5000", "20", "60", "250", "900", "3", "0"]
    assert HEAD.split()[0] == "users" and HEAD.index("holes") + len("holes") == good.row.index("  40 %")
    for worse, why in (
        (replace(good, p99=251), "99th"),
        (replace(good, holes=1), "hole"),
        (replace(good, events=0), "no event"),
    ):
        (line,) = worse.failures(250)
        assert why in line
