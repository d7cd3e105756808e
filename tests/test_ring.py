"""The ring of a feed's last records: what it keeps, and what it answers for."""

from types import SimpleNamespace

import pytest
from test_hub import LABELS, numbers

from tweetream import ring
from tweetream.feeds import EVERY_POST, Filter, Origins
from tweetream.models.feed import Origin
from tweetream.ring import PIECE, Feed, Waypoints


def raw(offset: int, n: int, value: bytes = b"") -> SimpleNamespace:
    stamp = {"label": LABELS[n % 2], "score": b"0.5", "origin": Origin(0, 1, n, 0).pack()}
    return SimpleNamespace(
        topic="t", offset=offset, value=value or b'{"n":%d}' % n, timestamp=0, headers=tuple(stamp.items())
    )  # fmt: skip


def test_a_ring_keeps_the_newest_records_and_says_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "RING", 10)
    monkeypatch.setattr(ring, "PIECE", 4)
    feed = Feed("t", 100, Origins())
    feed.whole = True
    for n in range(50):
        feed.take([raw(100 + 2 * n, n), raw(101 + 2 * n, n)])  # each is there twice
        held = [record.offset for record in feed._records]
        assert len(held) <= 14 and held[-1] == 100 + 2 * n and feed.end == 102 + 2 * n
        assert feed.start <= held[0], "what the ring says to have it has"
        assert feed.whole == (held[0] == 100)
    assert [record.offset for record in feed.after(feed.start + 1)] == [feed.start + 2 * i for i in (1, 2, 3, 4)]


def test_posts_of_any_size_take_no_more_memory_than_a_ring_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "RING_BYTES", 10_000)
    monkeypatch.setattr(ring, "PIECE_BYTES", 2_000)
    feed = Feed("t", 0, Origins())
    feed.whole = True
    large = b"{%s}" % (b" " * 698)
    for n in range(100):
        feed.take([raw(n, n, large), raw(n, n, large)])
        held = [record.offset for record in feed._records]
        assert 700 * len(held) <= 10_000 and (feed.start, feed.end) == (held[0], n + 1)
        assert feed.whole == (held[0] == 0)
    assert len(held) > 10
    assert [record.offset for record in feed.after(held[3])] == held[3:6], "little more than a piece may have"
    assert [record.offset for record in feed.after(held[-1])] == held[-1:]
    feed.take([raw(100, 100, b"{%s}" % (b" " * 20_000))])
    assert (feed.start, feed.end, feed.last_offset) == (101, 101, 100)


def test_a_ring_answers_for_the_last_records_only_if_it_has_them() -> None:
    feed = Feed("t", 100, Origins())
    feed.take([raw(100 + n, n) for n in range(6)])
    assert numbers(feed.last(2, EVERY_POST) or []) == [4, 5] and numbers(feed.last(2, Filter("traffic")) or []) == [
        2,
        4,
    ]
    assert feed.last(0, EVERY_POST) == []
    assert feed.last(7, EVERY_POST) is None and feed.last(4, Filter("traffic")) is None
    feed.whole = True
    assert numbers(feed.last(7, EVERY_POST) or []) == [0, 1, 2, 3, 4, 5] and feed.last(1, Filter("unknown")) == []


def knows(origins: Origins, n: int) -> bool:
    return not origins.is_new(Origin(0, 1, n, 0))


def test_a_feed_knows_at_many_places_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "PIECE", 4)
    feed = Feed("t", 100, Origins())
    for n in range(50):
        feed.take([raw(100 + n, n)])
    for offset in range(100, 151):
        found = feed.waypoints.before(offset)
        assert found is not None and 0 <= offset - found[0] < 4
        seen = found[0] - 100
        assert not knows(found[1], seen) and (seen == 0 or knows(found[1], seen - 1)), "what came before, and no more"


def test_a_waypoint_is_a_copy_near_by_and_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "WAYPOINTS", 10)
    waypoints, origins = Waypoints(), Origins()
    assert waypoints.before(5) is None
    waypoints.add(5, origins)
    origins.is_new(Origin(0, 1, 0, 0))
    found = waypoints.before(5)
    assert found is not None and not knows(found[1], 0), "not what was learnt later"
    assert waypoints.before(4) is None and waypoints.before(5 + 10 * PIECE) is not None
    assert waypoints.before(6 + 10 * PIECE) is None, "to look back is nearer"
    for nth in range(100):
        waypoints.add(nth * PIECE, origins)
    assert len(waypoints._offsets) == len(waypoints._origins) <= 10
    assert waypoints._offsets == sorted(waypoints._offsets)
