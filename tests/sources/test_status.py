"""Every worker knows the status of the sources from the last reports of the worker that runs them."""

import msgspec
import pytest

from tweetream.models import codec
from tweetream.sources.status import SILENCE, SourceStatuses, State, Status, StatusReport

URL, OTHER = "bluesky:", "replay:posts.csv"
NOW = 1_800_000_000_000
STREAMING = Status(URL, State.STREAMING, posts=7, posts_per_minute=3, last_post_at=NOW, reconnects=2)


def statuses(*reports: StatusReport) -> SourceStatuses:
    found = SourceStatuses()
    for report in reports:
        found.update(codec.encode(report), NOW)
    return found


def test_sources_of_which_nothing_is_known_are_connecting() -> None:
    (status,) = SourceStatuses().current([URL], NOW)
    assert status.url == URL and status.state is State.CONNECTING and status.reason


def test_the_order_is_that_of_the_settings_and_then_what_else_the_last_run_has() -> None:
    found = statuses(
        StatusReport(5, Status(OTHER, State.ENDED)), StatusReport(5, STREAMING), StatusReport(4, Status("x:"))
    )
    assert [status.url for status in found.current([URL], NOW)] == [URL, OTHER]
    assert found.current([URL], NOW)[0] == STREAMING


def test_reports_of_a_replaced_worker_are_ignored() -> None:
    old = msgspec.structs.replace(STREAMING, state=State.REFUSED)
    assert statuses(StatusReport(5, STREAMING), StatusReport(4, old)).current([URL], NOW) == [STREAMING]


def test_the_reports_of_an_earlier_run_are_not_shown_but_known() -> None:
    found = statuses(StatusReport(4, STREAMING), StatusReport(5, Status(OTHER, State.ENDED)))
    assert found.current([URL, OTHER], NOW)[0].state is State.CONNECTING
    assert found.last(URL) == STREAMING and found.last("x:") is None


def test_nothing_stale_is_shown_as_live() -> None:
    late = NOW + int(SILENCE * 1000) + 1
    found = statuses(StatusReport(5, STREAMING), StatusReport(5, Status(OTHER, State.ENDED)))
    streaming, ended = found.current([URL, OTHER], late)
    assert streaming.state is State.CONNECTING and "another" in streaming.reason and streaming.posts == 7
    assert streaming.posts_per_minute == 0
    assert ended.state is State.ENDED, "what is over stays so"


def test_unreadable_reports_are_skipped_and_a_newer_version_is_not() -> None:
    found = statuses(StatusReport(5, STREAMING))
    for data in (None, b"", b"{}", codec.encode([1])):
        found.update(data, NOW)
    assert found.current([URL], NOW) == [STREAMING]
    with pytest.raises(codec.TooNew):
        found.update(b"\x02", NOW)


def test_forged_counts_that_cannot_grow_are_no_report() -> None:
    """Against a record that ends each worker that takes the source over: its next report could not be written."""
    for counts in ({"posts": 2**64 - 1}, {"reconnects": 2**53}, {"time_unknown": 2**63}, {"counts": {"blank": 2**63}}):
        assert not SourceStatuses().update(codec.encode(StatusReport(1, Status("x:", **counts))), NOW)  # type: ignore[arg-type]
