"""A retracted post is recognised by its id as written in a feed's record, with any characters."""

import random
from types import SimpleNamespace

import pytest

from tweetream.feeds.record import FeedRecord
from tweetream.feeds.retractions import Retracted, Retractions, id_of
from tweetream.models.feed import MAX_OFFSET, event_line
from tweetream.models.post import Post

HOSTILE = [
    "x:1", "at://did:plc:abc/app.bsky.feed.post/3k", "mastodon:example.org/1", 'replay:a"b.csv:7', "replay:a\\:1",
    'a",', 'a","topic":"b', 'a\\","topic":"b', "\u00e9\u2028\u202e", "\U0001f697", "\x00\r\n\x7f", " ", "\\",
]  # fmt: skip


def data_of(id: str) -> bytes:
    """A feed record's data, as classification makes it. The author's text looks like the end of an id."""
    return event_line(Post(id, "x", '","topic":"', 0, 0), "macet", "traffic", 0.5)


def record(offset: int, id: str) -> FeedRecord:
    return FeedRecord(offset, data_of(id), "traffic", 0.5, 0)


@pytest.mark.parametrize("id", HOSTILE)
def test_an_id_is_found_in_the_data_as_it_is_written_there(id: str) -> None:
    known = Retractions()
    assert known.add(id, 0) == id_of(data_of(id))
    assert known.kept([record(0, id)]) == []


def test_retracted_posts_are_left_out_and_all_others_are_kept() -> None:
    chance, known = random.Random(7), Retractions()
    ids = list({"".join(chance.choices('ab",\\:é/', k=chance.randrange(1, 9))) for _ in range(500)})
    records = [record(offset, id) for offset, id in enumerate(ids)]
    assert not known and known.kept(records) is records, "without retractions no record is compared"
    gone = set(ids[::3])
    for id in gone:
        known.add(id, 0)
    assert known and known.kept(records) == [one for one, id in zip(records, ids, strict=True) if id not in gone]


def test_foreign_records_are_never_taken_for_a_retracted_post() -> None:
    known = Retractions()
    known.add("x:1", 0)
    others = [b"{}", b'{"n":1}', b'{"id":5}', b'{"id":"x:1"}', b'{"id":"x:1', b'{"i":"x:1","topic":"t"}']
    records = [FeedRecord(0, data, "traffic", 0.5, 0) for data in others]
    assert known.kept(records) == records


def test_retracted_records_have_the_time_of_the_retraction_rounded_up_to_a_minute() -> None:
    known = Retractions()
    known.add("x:1", 60_001)
    known.add("x:3", 120_000)
    values = [data_of("x:0"), data_of("x:1"), None, b"junk", data_of("x:1"), data_of("x:3"), data_of("x:1")]
    raws = [SimpleNamespace(offset=10 + nth, value=value) for nth, value in enumerate(values)]
    assert known.among(raws, 16) == [
        Retracted(b"x:1", 11, 120_000), Retracted(b"x:1", 14, 120_000), Retracted(b"x:3", 15, 120_000)
    ]  # fmt: skip
    assert len(known.among(raws, MAX_OFFSET)) == 4


def test_over_the_limit_the_oldest_are_forgotten_and_a_repeated_retraction_is_new() -> None:
    known = Retractions(max_ids=10)
    for nth in range(1000):
        known.add("always", nth)
        known.add(f"x:{nth}", nth)
        assert len(known) <= 10
        assert known.kept([record(0, "always"), record(1, f"x:{nth}")]) == []
    assert len(known.kept([record(0, f"x:{nth}") for nth in range(1000)])) >= 991


def test_a_post_whose_retraction_is_forgotten_is_there_again() -> None:
    known = Retractions()
    known.add('x:"', 0)
    known.forget('x:"')
    known.forget("x:2")
    assert not known and len(known.kept([record(0, 'x:"')])) == 1


def test_long_ids_are_bounded_by_their_bytes() -> None:
    """Stops a million forged retractions of 4 KiB each, which filled 4 GB of each worker."""
    known = Retractions(max_bytes=10_000)
    for number in range(1000):
        known.add(f"{number:04}" + "\U0001f697" * 50, 0)  # 12 bytes for each character, as it is written
    assert 10 <= len(known) <= 10_000 // 600
    assert known.forget("0999" + "\U0001f697" * 50) and known.forget("unknown")
    assert known._size == sum(map(len, known._times))
