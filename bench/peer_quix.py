"""A Quix Streams application: a post a record, JSON, at least once.

https://quix.io/docs/quix-streams/: Application, StreamingDataFrame.apply(expand=True), to_topic with a function.
"""

from typing import Any

from peer_work import BOOTSTRAP, FEEDS, POSTS, given, single
from quixstreams import Application


def main() -> None:
    """Run for ever."""
    app = Application(
        BOOTSTRAP,
        consumer_group=POSTS,
        auto_offset_reset="earliest",
        producer_extra_config={"enable.idempotence": True},
        state_dir=given["folder"],
        loglevel="WARNING",
        auto_create_topics=False,
    )
    feeds = {name: app.topic(topic, value_serializer="json") for name, topic in FEEDS.items()}
    posts = app.dataframe(app.topic(POSTS, value_deserializer="json"))
    entries = posts.apply(single, expand=True)

    def feed(entry: Any, *_: object) -> Any:
        return feeds[entry["topic"]]

    entries.to_topic(feed)
    app.run()


if __name__ == "__main__":
    main()
