"""What every peer of bench/peers.py does with posts: the worker's functions and its model, on JSON in Kafka.

The environment variable PEER (JSON) says which broker, topics and folder to use.
"""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from tweetream.classifier.model import Classifier
from tweetream.matching import Matcher
from tweetream.text import Cleaner, normalise

given: dict[str, Any] = json.loads(os.environ["PEER"])
BOOTSTRAP: str = given["bootstrap"]
POSTS: str = given["posts"]
FEEDS: dict[str, str] = given["feeds"]  # topic → its topic in Kafka
_encode = msgspec.json.Encoder().encode


class Post(msgspec.Struct):
    """A post as JSON."""

    id: str
    text: str


class Entry(msgspec.Struct):
    """A post in a feed, as JSON."""

    id: str
    topic: str
    text: str
    label: str | None
    score: float | None


_decode = msgspec.json.Decoder(Post).decode
_cleaner, _classifier = Cleaner(), Classifier.load()
_match = Matcher({name: [name] for name in FEEDS}).match


def entries(posts: Sequence[Post]) -> Iterator[Entry]:
    """The entries of posts, with one prediction for all."""
    found = [(post, text, topics) for post in posts if (topics := _match(text := normalise(post.text)))]
    labels, scores = _classifier.predict([_cleaner.clean(text) for _, text, _ in found])
    for (post, _, topics), label, score in zip(found, labels, scores, strict=True):
        for topic in topics:
            yield Entry(post.id, topic, post.text, label, score)


def batch(values: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """The topic in Kafka and the value of each entry of these posts."""
    return [(FEEDS[entry.topic], _encode(entry)) for entry in entries(list(map(_decode, values)))]


def single(post: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of one post, for peers that decode and encode themselves."""
    return list(map(msgspec.structs.asdict, entries([Post(post["id"], post["text"])])))
