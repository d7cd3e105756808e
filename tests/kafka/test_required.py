"""A topic that every worker needs and Kafka lacks makes the worker unready, and is made again where that is safe."""

from typing import Any

import pytest

from tweetream.kafka import required as module
from tweetream.kafka.admin import TopicSpec
from tweetream.kafka.required import RequiredTopics

POSTS, TABLE = TopicSpec("t-posts", 4), TopicSpec("t-topics-changelog", 1)


class Producer:
    """The metadata of a producer: the topics that are missing, and those without a leader."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.leaderless: set[str] = set()

    def is_missing(self, topic: str) -> bool:
        return topic in self.missing

    def is_leaderless(self, topic: str) -> bool:
        return topic in self.missing | self.leaderless


@pytest.fixture
def producer() -> Any:
    return Producer()


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> RequiredTopics:
    monkeypatch.setattr(module, "REMAKE_AFTER", -1.0)
    monkeypatch.setattr(module, "BRIEF", -1.0)
    found = RequiredTopics()
    found.declare([POSTS, TABLE], [POSTS.name])
    return found


def never(topic: str) -> bool:
    return False


def test_nothing_is_said_while_all_are_there(topics: RequiredTopics, producer: Any) -> None:
    assert topics.look(producer, 1, never) == [] and topics.reason() == ""


def test_a_topic_that_is_gone_is_made_again_and_counts_when_the_group_reads_it(
    topics: RequiredTopics, producer: Any
) -> None:
    producer.missing = {POSTS.name}
    assert topics.look(producer, 1, never) == [POSTS]
    assert POSTS.name in topics.reason() and "made again" in topics.reason()
    assert topics.look(producer, 2, never) == [POSTS], "the group has lost it in a rebalance"
    producer.missing.clear()
    assert topics.look(producer, 2, never) == []
    assert POSTS.name in topics.reason() and "not read by the group yet" in topics.reason()
    topics.look(producer, 3, never)
    assert topics.reason() == ""


def test_a_broker_that_begins_and_knows_no_topic_yet_makes_none_of_them_new(
    topics: RequiredTopics, producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BRIEF", 60.0)
    producer.missing = {POSTS.name}
    topics.look(producer, 1, never)
    assert topics.is_unread(POSTS.name)
    producer.missing.clear()
    topics.look(producer, 1, never)
    assert topics.reason() == "" and not topics.is_unread(POSTS.name)


def test_a_worker_that_does_not_join_after_a_topic_is_back_must_start_again(
    topics: RequiredTopics, producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "JOINED_WITHIN", -1.0)
    producer.missing = {POSTS.name}
    topics.look(producer, 1, never)
    assert not topics.is_stalled(joined=False), "it is still gone"
    producer.missing.clear()
    topics.look(producer, 1, never)
    assert topics.is_stalled(joined=False)
    assert not topics.is_stalled(joined=True) and not topics.is_stalled(joined=False), "once it has joined"


def test_a_topic_without_a_leader_waits_for_its_broker(topics: RequiredTopics, producer: Any) -> None:
    producer.leaderless = {POSTS.name}
    assert topics.look(producer, 1, never) == []
    assert topics.reason() == "the Kafka topic t-posts has no leader: start the brokers that have it"


@pytest.mark.parametrize(
    ("number", "said"),
    [(None, ""), (4, ""), (2, "set it to 2, or stop all workers"), (8, "set it to 8")],
)
def test_another_number_of_partitions_is_one_line_both_ways(
    number: int | None, said: str, topics: RequiredTopics
) -> None:
    line = topics.other_number({POSTS.name: number, TABLE.name: 1}.get)
    assert said in line and "\n" not in line and bool(line) == bool(said)
    if said:
        assert f"{POSTS.name} has {number} partitions, and TWEETREAM_PARTITIONS is 4" in line


def test_a_topic_of_one_partition_that_has_more_is_a_line_too(topics: RequiredTopics) -> None:
    assert (
        topics.other_number({TABLE.name: 3}.get)
        == f"the Kafka topic {TABLE.name} has 3 partitions, and must have 1: make it anew"
    )
