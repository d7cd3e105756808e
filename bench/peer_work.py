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
encode = msgspec.json.Encoder().encode


class Post(msgspec.Struct):
    """A post as JSON."""

    id: str
    text: str


class Tagged(msgspec.Struct):
    """A post that matches, with its topics and its cleaned text."""

    post: Post
    topics: tuple[str, ...]
    clean: str


class Entry(msgspec.Struct):
    """A post in a feed, as JSON."""

    id: str
    topic: str
    text: str
    label: str | None
    score: float | None


_decode = msgspec.json.Decoder(Post).decode
decode_tagged = msgspec.json.Decoder(Tagged).decode
_cleaner, _classifier = Cleaner(), Classifier.load()
_match = Matcher({name: [name] for name in FEEDS}).match


def _tagged(post: Post) -> Tagged | None:
    topics = _match(text := normalise(post.text))
    return Tagged(post, topics, _cleaner.clean(text)) if topics else None


def tag(value: bytes) -> Tagged | None:
    """The first of two steps; None if no topic matches."""
    return _tagged(_decode(value))


def labelled(found: Sequence[Tagged]) -> Iterator[Entry]:
    """The entries of tagged posts, with one prediction for all."""
    labels, scores = _classifier.predict([tagged.clean for tagged in found])
    for tagged, label, score in zip(found, labels, scores, strict=True):
        for topic in tagged.topics:
            yield Entry(tagged.post.id, topic, tagged.post.text, label, score)


def entries(posts: Sequence[Post]) -> Iterator[Entry]:
    """The entries of posts, with one prediction for all."""
    return labelled([tagged for post in posts if (tagged := _tagged(post))])


def batch(values: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """The topic in Kafka and the value of each entry of these posts."""
    return [(FEEDS[entry.topic], encode(entry)) for entry in entries(list(map(_decode, values)))]


def single(post: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of one post, for peers that decode and encode themselves."""
    return list(map(msgspec.structs.asdict, entries([Post(post["id"], post["text"])])))
