"""The topics table, as it would be with these topics."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tweetream.models.topic import Topic
from tweetream.topology import topics_table


def give_topics(monkeypatch: pytest.MonkeyPatch, topics: Mapping[str, Topic]) -> None:
    """The table has these, by name; one that is changed later is seen."""

    def anew(ask: Callable[[], Any]) -> Callable[[], Any]:
        def asked() -> Any:
            topics_table._feeds_version = -1
            return ask()

        return asked

    for name in ("_alive", "_live", "_filling", "_filled", "_feeds_version"):  # as they were, after the test
        monkeypatch.setattr(topics_table, name, getattr(topics_table, name))
    monkeypatch.setattr(topics_table, "entry", topics.get)
    monkeypatch.setattr(topics_table, "entries", topics.values)
    for name in ("live_feeds", "filling_feeds", "filled_feeds"):
        monkeypatch.setattr(topics_table, name, anew(getattr(topics_table, name)))
