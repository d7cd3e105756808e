"""The topics table, as it would be with these topics."""

from collections.abc import Mapping

import pytest

from tweetream.models.topic import Topic
from tweetream.topology import topics_table


def give_topics(monkeypatch: pytest.MonkeyPatch, topics: Mapping[str, Topic]) -> None:
    """The table has these, by name; one that is changed later is seen."""

    def live() -> frozenset[str]:
        return frozenset(topic.kafka_topic for topic in topics.values() if topic.alive)

    def filling() -> frozenset[str]:
        return frozenset(topic.kafka_topic for topic in topics.values() if topic.is_filling)

    monkeypatch.setattr(topics_table, "entry", topics.get)
    monkeypatch.setattr(topics_table, "live_feeds", live)
    monkeypatch.setattr(topics_table, "filling_feeds", filling)
