"""`GET /topics` is encoded once for each state, and a client that has it gets 304."""

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tweetream.models.topic import Topic
from tweetream.web.schemas import TopicAnswer
from tweetream.web.topic_list import TopicList


def topic(name: str) -> Topic:
    return Topic(name, (name,), 1, 1, f"t-feed-{name}-1", 0)


def request(known: str = "") -> web.Request:
    return make_mocked_request("GET", "/topics", {"If-None-Match": known} if known else {})


class Counting:
    """Shows topics, and counts how often."""

    def __init__(self) -> None:
        self.shown = 0

    def __call__(self, topic: Topic) -> TopicAnswer:
        self.shown += 1
        return TopicAnswer(topic.name, list(topic.track), "", topic.kafka_topic, {})


def body(answer: web.Response) -> Any:
    assert isinstance(answer.body, bytes)
    return [entry["name"] for entry in json.loads(answer.body)]


def test_a_thousand_topics_are_encoded_once_for_each_state_of_the_tables() -> None:
    show, topics = Counting(), [topic(f"t{number}") for number in range(1000)]
    listed = TopicList(show)
    for version in ((1, 1), (1, 1), (1, 2), (1, 2), (1, 2)):
        assert len(body(listed.answer(request(), version, lambda: topics))) == 1000
    assert show.shown == 2000


def test_counts_that_change_all_the_time_are_encoded_a_tenth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops calls of a list of a thousand topics from taking a whole core while posts come."""
    listed, now = TopicList(Counting()), [100.0]
    monkeypatch.setattr("tweetream.web.topic_list.time.perf_counter", lambda: now[0])

    def slow() -> list[Topic]:
        now[0] += 0.02
        return [topic("a")]

    listed.answer(request(), listed.paced((1, 1)), slow)
    assert listed.paced((1, 2)) == (1, 1) and listed.paced((2, 2)) == (2, 2), "a change of topics is seen at once"
    now[0] += 0.19
    assert listed.paced((1, 2)) == (1, 1)
    now[0] += 0.02
    assert listed.paced((1, 2)) == (1, 2)


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_client_that_has_the_list_gets_304_from_every_worker(form: str) -> None:
    one, other = TopicList(Counting()), TopicList(Counting())
    tag = one.answer(request(), 1, lambda: [topic("a")]).headers["ETag"]
    answer = other.answer(request(form.format(tag)), 99, lambda: [topic("a")])
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, tag)
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_another_list_has_another_tag() -> None:
    listed = TopicList(Counting())
    tag = listed.answer(request(), 1, lambda: [topic("a")]).headers["ETag"]
    answer = listed.answer(request(tag), 2, lambda: [topic("b")])
    assert answer.status == 200 and body(answer) == ["b"] and answer.headers["ETag"] != tag
    assert listed.answer(request('"x"'), 2, list).status == 200
