"""`/metrics` of many topics takes a bounded share of the loop."""

import pytest

from tweetream import metrics
from tweetream.web import health


async def test_metrics_are_made_a_tenth_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops calls of `/metrics`, which takes 27 ms with a thousand topics."""
    now, made = [100.0], list[float]()

    def generate(registry: object) -> bytes:
        if registry is metrics.process:
            return b""
        made.append(now[0])
        now[0] += 0.027
        return b"%d" % len(made)

    monkeypatch.setattr(health, "generate_latest", generate)
    monkeypatch.setattr("tweetream.web.health.time.perf_counter", lambda: now[0])
    page = health._Page()
    for _ in range(5):
        assert page.text() == b"1"
    now[0] += 0.28
    assert page.text() == page.text() == b"2"
    assert len(made) == 2
