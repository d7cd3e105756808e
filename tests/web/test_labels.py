"""Which labels a client may ask for."""

import asyncio

import pytest

from tweetream.feeds.record import Filter
from tweetream.models.model_info import ModelInfo
from tweetream.models.topic import Topic
from tweetream.topology import counts_table, services
from tweetream.web import labels
from tweetream.web.problems import Problem

TOPIC = Topic("jalan", ("jalan",), 0, 0, "t-feed-jalan-1", 0)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    event = asyncio.Event()
    monkeypatch.setattr(services, "model", ModelInfo("shipped", "", ("non_traffic", "traffic"), 0.0))
    monkeypatch.setitem(vars(services), "model_known", event)
    event.set()
    return event


@pytest.mark.parametrize("label", [None, "traffic", "unsure"])
async def test_those_of_the_model_and_unsure(known: asyncio.Event, label: str | None) -> None:
    await labels.check_label(Filter(label), [TOPIC, None])


@pytest.mark.parametrize("label", ["", "Traffic", "trafic", "x" * 1000])
async def test_any_other_is_400_with_the_name_of_the_parameter(known: asyncio.Event, label: str) -> None:
    with pytest.raises(Problem) as raised:
        await labels.check_label(Filter(label), [TOPIC])
    assert (raised.value.status, raised.value.detail) == (400, "label is one of non_traffic, traffic, unsure")


async def test_a_label_that_an_earlier_model_gave_to_posts_of_the_topic(
    known: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = counts_table.entry(TOPIC.kafka_topic)
    entry.labels["verkehr"] = 3
    monkeypatch.setattr(counts_table, "entry", lambda feed: entry)
    await labels.check_label(Filter("verkehr"), [TOPIC])


async def test_before_the_model_is_loaded_it_is_503(known: asyncio.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    known.clear()
    monkeypatch.setattr(labels, "MODEL_TIMEOUT", 0.01)
    with pytest.raises(Problem) as raised:
        await labels.check_label(Filter("traffic"), [TOPIC])
    assert raised.value.status == 503 and "Retry-After" in raised.value.headers
