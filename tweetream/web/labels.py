"""Which labels a client may ask for: those of the model, and those that the posts of its topics have."""

import asyncio
from collections.abc import Iterable

from tweetream.feeds.record import Filter
from tweetream.models.feed import UNSURE
from tweetream.models.model_info import ModelInfo
from tweetream.models.topic import Topic
from tweetream.topology import counts_table, services
from tweetream.web.problems import Problem

MODEL_TIMEOUT = 5.0  # seconds that a request waits for the model


async def check_label(post_filter: Filter, topics: Iterable[Topic | None]) -> None:
    """Raise Problem if no post can have the label of the filter."""
    label = post_filter.label
    if label is None or label == UNSURE:
        return
    # Feeds can have posts that an earlier model has classified.
    counted = [counts_table.entry(topic.kafka_topic).labels for topic in topics if topic is not None]
    if any(label in labels for labels in counted):
        return
    labels = (await known_model()).labels
    if label not in labels:
        known = sorted({*labels, UNSURE}.union(*counted))
        raise Problem(400, f"label is one of {', '.join(known)}")


async def known_model() -> ModelInfo:
    """The model of this worker, when it is loaded. Raises Problem if that takes long."""
    try:
        async with asyncio.timeout(MODEL_TIMEOUT):
            await services.model_known.wait()
    except TimeoutError:
        raise Problem(503, "the model is not loaded yet", {"Retry-After": "5"}) from None
    assert services.model is not None
    return services.model
