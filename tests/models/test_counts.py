"""Entries of the counts table."""

from tweetream.models.counts import Counts


def test_two_entries_of_counts_share_nothing() -> None:
    one, other = Counts(), Counts()
    one.labels["traffic"] = 1
    one.minutes[1] = {}
    one.stamps[0] = (1, 1, 1)
    assert other == Counts({}, {}, {})
