"""The ring of a feed's last records: which records it keeps and gives."""

import random

import pytest
from support.kafka.feed_writer import numbers
from support.records import counted, post, raw

from tweetream.feeds import ring
from tweetream.feeds.record import EVERY_POST, FeedRecord, Filter, Stamps
from tweetream.feeds.retractions import Retracted, Retractions, id_of
from tweetream.feeds.ring import FeedRing, StampCheckpoints
from tweetream.kafka.readers import FETCH_RECORDS
from tweetream.models.feed import Stamp


def test_a_ring_keeps_the_newest_records_and_knows_where_they_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "RING", 10)
    monkeypatch.setattr(ring, "FETCH_RECORDS", 4)
    feed = FeedRing("t", 100, Stamps())
    feed.whole = True
    for n in range(50):
        feed.take([raw(100 + 2 * n, n), raw(101 + 2 * n, n)])  # each comes twice
        held = [record.offset for record in feed._records]
        assert len(held) <= 14 and held[-1] == 100 + 2 * n and feed.end == 102 + 2 * n
        assert feed.start <= held[0], "the ring has all records from its start on"
        assert feed.whole == (held[0] == 100)
    assert [record.offset for record in feed.after(feed.start + 1)] == [feed.start + 2 * i for i in (1, 2, 3, 4)]


def test_posts_of_any_size_take_no_more_memory_than_a_ring_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "RING_BYTES", 10_000)
    monkeypatch.setattr(ring, "FETCH_BYTES", 2_000)
    feed = FeedRing("t", 0, Stamps())
    feed.whole = True
    large = b"{%s}" % (b" " * 698)
    for n in range(100):
        feed.take([raw(n, n, large), raw(n, n, large)])
        held = [record.offset for record in feed._records]
        assert 700 * len(held) <= 10_000 and (feed.start, feed.end) == (held[0], n + 1)
        assert feed.whole == (held[0] == 0)
    assert len(held) > 10
    assert [record.offset for record in feed.after(held[3])] == held[3:6], "little more than FETCH_BYTES"
    assert [record.offset for record in feed.after(held[-1])] == held[-1:]
    feed.take([raw(100, 100, b"{%s}" % (b" " * 20_000))])
    assert (feed.start, feed.end, feed.last_offset) == (101, 101, 100)


def test_a_ring_that_gets_a_smaller_share_gives_up_its_oldest_records_at_once() -> None:
    feed = FeedRing("t", 0, Stamps())
    feed.take([raw(n, n, b"{%s}" % (b" " * 98)) for n in range(100)])
    feed.limit(5_000)
    assert feed.end == 100 and 40 <= len(feed._records) <= 50 and feed.start == feed._offsets[0]
    feed.take([raw(n, n, b"{%s}" % (b" " * 98)) for n in range(100, 200)])
    assert feed._size <= 5_000 and feed.end == 200


def test_a_ring_gives_the_last_records_only_if_it_has_them() -> None:
    feed = FeedRing("t", 100, Stamps())
    feed.take([raw(100 + n, n) for n in range(6)])
    assert numbers(feed.last(2, EVERY_POST) or []) == [4, 5] and numbers(feed.last(2, Filter("traffic")) or []) == [
        2,
        4,
    ]
    assert feed.last(0, EVERY_POST) == []
    assert feed.last(7, EVERY_POST) is None and feed.last(4, Filter("traffic")) is None
    feed.whole = True
    assert numbers(feed.last(7, EVERY_POST) or []) == [0, 1, 2, 3, 4, 5] and feed.last(1, Filter("unknown")) == []


def knows(stamps: Stamps, n: int) -> bool:
    return not stamps.admit(Stamp(0, 1, n, 0))


def test_a_feed_keeps_the_stamps_at_many_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "FETCH_RECORDS", 4)
    feed = FeedRing("t", 100, Stamps())
    for n in range(50):
        feed.take([raw(100 + n, n)])
    for offset in range(100, 151):
        found = feed.checkpoints.before(offset)
        assert found is not None and 0 <= offset - found[0] < 4
        seen = found[0] - 100
        assert not knows(found[1], seen) and (seen == 0 or knows(found[1], seen - 1)), (
            "the stamps before the offset, and no others"
        )


def test_a_checkpoint_is_a_copy_near_by_and_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "MAX_CHECKPOINTS", 10)
    checkpoints, stamps = StampCheckpoints(), Stamps()
    assert checkpoints.before(5) is None
    checkpoints.add(5, stamps)
    stamps.admit(Stamp(0, 1, 0, 0))
    found = checkpoints.before(5)
    assert found is not None and not knows(found[1], 0), "no stamp that was added later"
    assert checkpoints.before(4) is None and checkpoints.before(5 + 10 * FETCH_RECORDS) is not None
    assert checkpoints.before(6 + 10 * FETCH_RECORDS) is None, "the dedup window is shorter"
    for nth in range(100):
        checkpoints.add(nth * FETCH_RECORDS, stamps)
    assert len(checkpoints._offsets) == len(checkpoints._stamps) <= 10
    assert checkpoints._offsets == sorted(checkpoints._offsets)


def ids(records: list[FeedRecord]) -> list[int]:
    return [int(id_of(record.data)) for record in records]


def test_a_retracted_post_leaves_the_ring_with_all_its_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "FETCH_RECORDS", 10)
    feed = FeedRing("t", 0, Stamps())
    feed.whole = True
    feed.take([post(offset, n) for offset, n in enumerate([0, 1, 2, 3, 3, 4])])
    feed.take([raw(6, 6, post(6, 2).value)])  # two sources gave it
    before = counted("retracted")
    assert feed.retract(b"2", 7) and not feed.retract(b"9", 7) and not feed.retract(b"2", 8)
    assert ids(feed.after(0)) == ids(feed.between(0, 7)) == ids(feed.last(9, EVERY_POST) or []) == [0, 1, 3, 4]
    assert feed.retracted_since(0) == [Retracted(b"2", 2, 7), Retracted(b"2", 6, 7)] and feed.retracted == 2
    feed.take([post(7, 7)])
    for n in (7, 0, 1, 3, 4):
        assert feed.retract(b"%d" % n, 9)
    assert feed.after(0) == [] and (feed.start, feed.end, feed._size) == (0, 8, 0)
    assert [(one.id, one.offset) for one in feed.retracted_since(2)] == [
        (b"7", 7), (b"0", 0), (b"1", 1), (b"3", 3), (b"4", 5)
    ]  # fmt: skip
    assert counted("retracted") == before + 7


def test_a_post_retracted_before_it_came_never_gets_into_the_ring() -> None:
    known, before = Retractions(), counted("retracted")
    feed = FeedRing("t", 0, Stamps(), known)
    known.add("1", 60_000)
    feed.take([post(0, 0), post(1, 1), post(2, 2)])
    assert ids(feed.after(0)) == [0, 2] and feed.end == 3
    assert feed.retracted_since(0) == [Retracted(b"1", 1, 60_000)] and counted("retracted") == before + 1
    feed.take([post(3, 1)])
    assert feed.after(3) == [] and feed.end == 4, "it came again, and its stamp is known"
    again = FeedRing("t", 0, Stamps(), known)
    again.take([post(0, 0), post(1, 1)], past=True)
    assert ids(again.after(0)) == [0] and counted("retracted") == before + 1, "the past is not counted again"


def test_a_ring_finds_retracted_posts_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "RING", 20)
    monkeypatch.setattr(ring, "FETCH_RECORDS", 5)
    chance, feed, gone = random.Random(3), FeedRing("t", 0, Stamps()), set()
    for n in range(0, 1000, 2):
        feed.take([post(n, n), post(n + 1, n + 1)])
        back = max(0, n + 1 - chance.randrange(40))
        here = back in ids(feed.between(feed.start, feed.end))
        assert feed.retract(b"%d" % back, 0) == here
        gone |= {back} if here else set()
        held = ids(feed.between(feed.start, feed.end))
        assert held == [n for n in range(held[0], n + 2) if n not in gone]
        assert feed._size == sum(len(post(n, n).value) for n in held)
        assert len(feed._by_id) <= 2 * 25 + 5 + 2
        assert {len(offsets) for offsets in feed._by_id.values()} <= {1}, "each record is indexed once"
    assert len(gone) > 200


def test_a_ring_remembers_the_last_retracted_records_and_how_many_there_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ring, "MIN_RETRACTED", 5)
    feed = FeedRing("t", 0, Stamps())
    feed.take([post(n, n) for n in range(100)])
    for n in range(100):
        assert feed.retract(b"%d" % n, 0)
        assert [one.offset for one in feed.retracted_since(n)] == [n]
        remembered = [one.offset for one in feed.retracted_since(0)]
        assert remembered == list(range(n + 1))[-len(remembered) :] and min(n + 1, 5) <= len(remembered) <= 10
    assert feed.retracted == 100 and feed.retracted_since(100) == []


def test_a_ring_knows_when_the_last_record_up_to_an_offset_arrived() -> None:
    feed = FeedRing("t", 10, Stamps())
    for offset in (10, 12, 14):
        one = post(offset, offset)
        one.timestamp = 100 * offset
        feed.take([one])
    assert [feed.arrival(offset) for offset in (9, 10, 11, 14, 99)] == [None, 1000, 1000, 1400, 1400]
