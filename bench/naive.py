"""The pipeline as one would write it first, to compare with: a JSON record a post, plain agents, one prediction a post.

The same normalising, matching, cleaning and model as the real worker, and nothing of what makes that one safe: it
acknowledges what it has not delivered. It is run by pipeline.py, which says in the environment variable NAIVE (JSON)
which broker, file of posts, topics and folder to use.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust
from measure import READY

from tweetream.classifier.model import Classifier
from tweetream.matching import Matcher
from tweetream.text import Cleaner, normalise

given = json.loads(os.environ["NAIVE"])
file = Path(given["file"])
cleaner = Cleaner()
classifier = Classifier.load()
matcher = Matcher({name: [name] for name in given["feeds"]})

app = faust.App(
    given["namespace"],
    broker=given["broker"],
    store="memory://",
    datadir=given["folder"],
    value_serializer="json",
    topic_partitions=given["partitions"],
    env_prefix="NAIVE_",
)
posts = app.topic(given["posts"])
tagged = app.topic(given["tagged"])
feeds = {name: app.topic(topic) for name, topic in given["feeds"].items()}


@app.agent(posts)
async def preprocess(stream: Any) -> None:
    """Clean, match, drop what matches nothing."""
    async for post in stream:
        text = normalise(post["text"])
        topics = matcher.match(text)
        if topics:
            await tagged.send(value={**post, "clean": cleaner.clean(text), "topics": topics})


@app.agent(tagged)
async def classify(stream: Any) -> None:
    """Predict, and write to the feed of each topic."""
    async for post in stream:
        labels, scores = classifier.predict([post["clean"]])
        entry = {"id": post["id"], "text": post["text"], "label": labels[0], "score": scores[0]}
        for topic in post["topics"]:
            await feeds[topic].send(value={**entry, "topic": topic})


@app.task
async def stream() -> None:
    """Send the file's posts when the file is there."""
    while not app.consumer.assignment():
        await asyncio.sleep(0.1)
    print(READY, file=sys.stderr, flush=True)
    while not is_there():
        await asyncio.sleep(0.01)
    for number, line in enumerate(read_lines(), 1):
        await posts.send(value={"id": f"{file.name}:{number}", "text": line.rstrip("\n")})


def is_there() -> bool:
    return file.exists()


def read_lines() -> Iterator[str]:
    with file.open() as lines:
        yield from lines


if __name__ == "__main__":
    app.main()
