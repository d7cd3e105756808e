"""Only feeds of active topics get posts, whatever a tagged batch names."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from support.topics import give_topics

from tweetream.agents import classification
from tweetream.agents.classification import MAX_FED
from tweetream.agents.model import Predicted
from tweetream.agents.preprocessing import tagger
from tweetream.agents.waiting import waiting
from tweetream.feeds.record import Filter, Stamps, read_record
from tweetream.models import codec
from tweetream.models.feed import FeedName
from tweetream.models.model_info import ModelInfo
from tweetream.models.post import Post, TaggedBatch, TaggedPost
from tweetream.models.topic import Topic
from tweetream.topology import FEED_PREFIX, now_ms, services

NOW = now_ms()
POST = Post("x:1", "x", "macet", NOW, NOW)
FEED = f"{FEED_PREFIX}{FeedName('macet', NOW)}"
TOPIC = Topic("macet", ("macet",), NOW, NOW, FEED, 3)


class Model:
    async def predict(self, texts: list[str]) -> Predicted:
        return ["traffic"] * len(texts), [0.5] * len(texts)


class Known:
    """The topics that this worker knows, and those that it gets to know by waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *later: Topic) -> None:
        self.topics: dict[str, Topic] = {}
        self.waited: list[int] = []
        self._later = later
        monkeypatch.setattr(classification, "model", Model)
        give_topics(monkeypatch, self.topics)
        monkeypatch.setattr(tagger(), "catch_up", self.catch_up)
        monkeypatch.setattr(waiting(), "is_current", lambda: True)

    async def catch_up(self, command: int, still_assigned: object) -> None:
        self.waited.append(command)
        self.topics.update({topic.name: topic for topic in self._later})


async def records(*feeds: str) -> dict[str, Any]:
    """What is written to which Kafka topic for a batch that names these feeds."""
    numbers = tuple(range(len(feeds)))
    value = codec.encode(TaggedBatch(NOW, 1, 3, list(feeds), [TaggedPost(0, POST, "macet", numbers)]))
    event: Any = SimpleNamespace(value=value, message=SimpleNamespace(timestamp=NOW / 1000, partition=0, offset=0))
    delivery: Any = await classification._work(event, lambda: True)
    found: dict[str, Any] = delivery.args[0]
    return found


async def test_a_feed_that_is_new_to_this_worker_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known(monkeypatch, TOPIC)
    assert list(await records(FEED)) == [FEED] and known.waited == [3]
    assert list(await records(FEED)) == [FEED] and known.waited == [3], "it is known now"


async def test_a_feed_that_is_of_no_topic_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    Known(monkeypatch, TOPIC)
    assert list(await records(FEED, f"{FEED_PREFIX}other-1", f"{FEED_PREFIX}macet-1")) == [FEED]


async def test_an_unsure_post_has_no_label_and_is_counted_and_filtered_as_unsure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Known(monkeypatch, TOPIC)
    batch = TaggedBatch(NOW, 1, 3, [FEED], [TaggedPost(0, POST, "qwxyz", (0,))])
    monkeypatch.setattr(classification, "is_live", lambda feed: True)
    found, counts = classification.classify(([None], [None]), 0, batch)
    (sent,) = found[FEED]
    value, headers = sent.value, sent.headers()
    assert b'"label":null,"score":null' in value
    assert ("label", b"unsure") in headers and ("score", b"0.0000") in headers
    assert list(counts.counts[FEED].values()) == [{"unsure": 1}]
    raw = SimpleNamespace(offset=0, value=value, headers=headers, timestamp=NOW, topic=FEED)
    record = read_record(raw, Stamps())
    assert record is not None and Filter("unsure").passes(record) and Filter().passes(record)
    assert not Filter("traffic").passes(record) and not Filter(None, 0.1).passes(record)


async def test_a_post_with_the_words_of_all_topics_is_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops a post of 64 KiB that becomes a thousand records as long."""
    Known(monkeypatch, TOPIC)
    monkeypatch.setattr(classification, "is_live", lambda feed: True)
    feeds = [f"{FEED_PREFIX}topic{number}-1" for number in range(1_000)]
    long, short = (msgspec.structs.replace(POST, text="é" * length) for length in (32_000, 1_000))
    every = tuple(range(len(feeds)))
    posts = [TaggedPost(0, long, "macet", every), TaggedPost(1, short, "macet", every), TaggedPost(2, long, "a", (0,))]
    predicted = await Model().predict([""] * len(posts))
    found, _ = classification.classify(predicted, 0, TaggedBatch(NOW, 1, 3, feeds, posts))
    texts = [msgspec.json.decode(record.value)["text"] for record in found[feeds[0]]]
    assert [len(text) for text in texts] == [MAX_FED // 1_000, 1_000, 32_000] and texts[0].endswith("é…")


async def test_a_record_names_the_model_that_labelled_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Known(monkeypatch, TOPIC)
    monkeypatch.setattr(services, "model", ModelInfo("mine.safetensors", "ab12", ("a", "b"), 0.0))
    (sent,) = (await records(FEED))[FEED]
    assert sent.headers()[-2:] == [("model", b"mine.safetensors"), ("model_sha256", b"ab12")]


@pytest.mark.parametrize("name", ["__consumer_offsets", "tweetream-commands", FEED_PREFIX + "<b>-1", ""])
async def test_a_batch_that_names_another_kafka_topic_is_a_dead_letter(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Known(monkeypatch, TOPIC)
    with pytest.raises(codec.Undecodable):
        await records(FEED, name)
