"""Entries of the counts table."""

import pytest

from tweetream.models import codec
from tweetream.models.counts import Counts


def test_two_entries_of_counts_share_nothing() -> None:
    one, other = Counts(), Counts()
    one.labels["traffic"] = 1
    one.minutes[1] = {}
    one.stamps[0] = (1, 1, 1)
    assert other == Counts({}, {}, {})


def test_forged_totals_that_cannot_grow_are_no_entry() -> None:
    """Against an entry that ends the worker that counts: its next value could not be written."""
    for entry in (Counts({"traffic": 2**64 - 1}), Counts(minutes={1: {"traffic": 2**63}}), Counts({"traffic": -1})):
        with pytest.raises(codec.Undecodable):
            codec.decode(codec.encode(entry), Counts)
