"""The metrics for Prometheus. A post that is counted neither as matched nor as dropped is a bug."""

import platform
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from tweetream import __version__
from tweetream.models.drop import Drop

registry = CollectorRegistry()


posts_read = Counter("tweetream_posts_read", "Posts and lines read", ["source"], registry=registry)
posts_matched = Counter("tweetream_posts_matched", "Posts that matched at least one topic", registry=registry)
posts_dropped = Counter("tweetream_posts_dropped", "Posts dropped", ["reason"], registry=registry)
time_unknown = Counter(
    "tweetream_time_unknown", "Posts read whose own time is not known; they are not dropped", registry=registry
)
posts_fed = Counter("tweetream_posts_fed", "Posts written to feeds", ["topic"], registry=registry)
dead_letters = Counter(
    "tweetream_dead_letters", "Records that could not be read or delivered", ["topic"], registry=registry
)
duplicates = Counter("tweetream_duplicates", "Feed records skipped as duplicates", registry=registry)
retracted = Counter(
    "tweetream_retracted", "Records removed from followed feeds because the post was retracted", registry=registry
)
offset_gaps = Counter(
    "tweetream_offset_gaps",
    "Jumps in the offsets delivered; the consumer fetches the missing records",
    registry=registry,
)
offset_resets = Counter(
    "tweetream_offset_resets",
    "Times that a partition is read from its start, since the offset to go on from is gone",
    registry=registry,
)
feeds_waiting = Gauge(
    "tweetream_feeds_waiting", "Feeds that Kafka cannot write now; their posts wait in tagged", registry=registry
)
sse_clients = Gauge("tweetream_sse_clients", "Streams open", registry=registry)
sse_sent = Counter("tweetream_sse_sent", "Events sent to streams", registry=registry)
sse_dropped = Counter("tweetream_sse_dropped", "Streams cut off", ["reason"], registry=registry)
connections_refused = Counter(
    "tweetream_connections_refused", "Connections closed at once, since there were too many", registry=registry
)
consumer_lag = Gauge(
    "tweetream_consumer_lag", "Records in this worker's partitions not committed yet", ["topic"], registry=registry
)
source_state = Gauge(
    "tweetream_source_state", "1 for the present state of a source, on the worker that runs it", ["source", "state"],
    registry=registry,
)  # fmt: skip
source_reconnects = Counter(
    "tweetream_source_reconnects", "Times that a source connected again", ["source"], registry=registry
)
source_last_post = Gauge(
    "tweetream_source_last_post_timestamp_seconds", "When a source gave its last post", ["source"], registry=registry
)
alerts = Counter("tweetream_alerts", "Alerts that were sent, by what became of them", ["outcome"], registry=registry)
source_silence = Gauge(
    "tweetream_source_silence_seconds",
    "Time since a source gave its last post, or since the worker began to read it",
    ["source"],
    registry=registry,
)
group_lag = Gauge(
    "tweetream_group_lag", "Records of a topic that the group has not committed, as the worker that runs the sources "
    "asks Kafka", ["topic"], registry=registry,
)  # fmt: skip
delivery = Histogram(
    "tweetream_delivery_seconds",
    "From the moment a post is read to the write to its clients; of each write, the oldest post",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=registry,
)
event_loop_delay = Histogram(
    "tweetream_event_loop_delay_seconds",
    "How late the event loop runs a task, measured four times a second",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
ready = Gauge("tweetream_ready", "1 while /readyz answers 200", registry=registry)
max_streams = Gauge("tweetream_sse_clients_max", "The largest number of streams of this worker", registry=registry)
archive_lag = Gauge(
    "tweetream_archive_lag", "Records of a feed that the archive does not have yet", ["topic"], registry=registry
)
archive_posts = Counter("tweetream_archive_posts", "Posts that this archiver has written", registry=registry)
archive_removed = Counter(
    "tweetream_archive_removed", "Posts that this archiver has deleted since they were too old", registry=registry
)
archive_up = Gauge(
    "tweetream_archive_up", "1 while an archiver writes the archive that this worker reads", ["kind"], registry=registry
)
archive_behind = Gauge(
    "tweetream_archive_behind", "Records of all feeds that the archive lacked when its archiver last said so",
    ["kind"], registry=registry,
)  # fmt: skip
archive_silence = Gauge(
    "tweetream_archive_silence_seconds", "Time since the archiver gave its last sign of life in the archive",
    ["kind"], registry=registry,
)  # fmt: skip
tasks = Gauge("tweetream_tasks", "Tasks of the worker's event loop", registry=registry)
build = Info("tweetream_build", "The release of Tweetream, and of Python", registry=registry)
build.info({"version": __version__, "python": platform.python_version()})
process = CollectorRegistry()  # this process's CPU, memory and files, by the names that all programs give them
ProcessCollector(registry=process)


def declare(kafka_topics: Iterable[str], sources: Iterable[str]) -> None:
    """Show the series of these at 0: a rate or an increase misses the step with which a series begins."""
    for topic in kafka_topics:
        dead_letters.labels(topic)
    for source in sources:
        posts_read.labels(source)
        source_reconnects.labels(source)


@lru_cache(maxsize=16_384)  # as many as topology remembers
def fed(topic: str) -> Counter:
    """The counter of the posts written to a feed, by the user topic. To find it costs more than to count."""
    return posts_fed.labels(topic)


def follow_feeds(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Show the series of new feeds at 0, and take away those of deleted ones. Kafka topic → user topic."""
    for kafka_topic in now.keys() - before.keys():
        posts_fed.labels(now[kafka_topic])
        dead_letters.labels(kafka_topic)
    for kafka_topic in before.keys() - now.keys():
        dead_letters.remove(kafka_topic)
    for topic in set(before.values()) - set(now.values()):
        posts_fed.remove(topic)
    fed.cache_clear()


def forget_sources() -> None:
    """Stop showing the sources, since another worker runs them now."""
    source_state.clear()
    source_last_post.clear()
    source_silence.clear()


def follow_silence(source: str, last_post_at: float) -> None:
    """A source gave its last post at `last_post_at`, in seconds since 1970; without one, it was started then."""
    source_silence.labels(source).set_function(lambda: time.time() - last_post_at)


for _reason in Drop:
    posts_dropped.labels(_reason.value)
for _outcome in ("delivered", "refused", "late"):
    alerts.labels(_outcome)
for _bound in ("time", "bytes"):
    sse_dropped.labels(_bound)
