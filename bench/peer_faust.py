"""A plain Faust application: a post a record, JSON, one agent.

https://faust-streaming.github.io/faust/userguide/agents.html. It awaits no delivery, as its documentation does.
"""

from typing import Any

import faust
from peer_work import BOOTSTRAP, FEEDS, POSTS, given, single

app = faust.App(
    f"{POSTS}-faust",
    broker=f"kafka://{BOOTSTRAP}",
    store="memory://",
    datadir=given["folder"],
    value_serializer="json",
    topic_partitions=given["partitions"],
    env_prefix="PEER_",
)
posts = app.topic(POSTS)
feeds = {name: app.topic(topic) for name, topic in FEEDS.items()}


@app.agent(posts)
async def work(stream: Any) -> None:
    """Predict, and write to the feed of each topic."""
    async for post in stream:
        for entry in single(post):
            await feeds[entry["topic"]].send(value=entry)


if __name__ == "__main__":
    app.main()
