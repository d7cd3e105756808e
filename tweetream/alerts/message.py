"""What an alert says: its id, its JSON for programs, and in it a text for people."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import msgspec

from tweetream.alerts.surge import Measure
from tweetream.feeds.record import FeedRecord
from tweetream.models.alert import Alert
from tweetream.models.feed import rfc3339
from tweetream.models.topic import Topic

MOST_POSTS = 20  # of one alert
MOST_BYTES = 24 * 1024  # of the posts of one alert: the alerts topic takes records of 64 KiB
MOST_TEXT = 280  # characters of a post's text
SHOWN = 5  # posts in the text for people
_KEPT = ("id", "source", "url", "author", "lang", "created_at", "received_at", "label", "score")


def post_of(record: FeedRecord) -> dict[str, Any]:
    """A post as an alert has it: its text and its other fields are cut, since an alert is small."""
    fields = msgspec.json.decode(record.data)
    post = {name: _cut(fields.get(name), 2 * MOST_TEXT) for name in _KEPT}
    return {**post, "text": _cut(fields.get("text"), MOST_TEXT)}


def _cut(value: Any, most: int) -> Any:
    return value[: most - 1] + "…" if isinstance(value, str) and len(value) > most else value


def fitting(records: Iterable[FeedRecord]) -> list[FeedRecord]:
    """The first of the records that one alert holds: at least one, if there is one."""
    found: list[FeedRecord] = []
    size = 0
    for record in islice(records, MOST_POSTS):
        size += len(msgspec.json.encode(post_of(record)))
        if found and size > MOST_BYTES:
            break
        found.append(record)
    return found


def of_posts(topic: Topic, records: Sequence[FeedRecord], now: int) -> Alert:
    """The alert of new posts. Its id is the position of the last of them."""
    posts = [post_of(record) for record in records]
    many = "a new post" if len(posts) == 1 else f"{len(posts)} new posts"
    said = f"{many} in {topic.name}{_about(topic)}"
    return _alert(topic, str(records[-1].offset), "posts", said, {"count": len(posts), "posts": posts}, now)


def of_surge(topic: Topic, measured: Measure, newest: Iterable[FeedRecord], minute: int, now: int) -> Alert:
    """The alert of a surge that was found in that minute, with the newest posts of it."""
    assert topic.alert is not None
    usual = round(measured.usual, 1)
    said = (
        f"{measured.posts} posts in {topic.name}{_about(topic)} in {topic.alert.minutes} minutes; "
        f"usually there are {usual:g}"
    )
    rest = {
        "count": measured.posts,
        "usual": usual,
        "minutes": topic.alert.minutes,
        "posts": [post_of(record) for record in newest],
    }
    return _alert(topic, f"surge-{minute}", "surge", said, rest, now)


def _about(topic: Topic) -> str:
    return "" if topic.alert is None or topic.alert.label is None else f", label {topic.alert.label}"


def _alert(topic: Topic, event: str, kind: str, said: str, rest: dict[str, Any], now: int) -> Alert:
    id = f"{topic.name}@{topic.log}:{event}"
    shown = [
        " ".join(f"{post['author'] or ''}: {post['text'] or ''} {post['url'] or ''}".split()) for post in rest["posts"]
    ]
    head = {
        "id": id,
        "type": kind,
        "topic": topic.name,
        "label": topic.alert.label if topic.alert else None,
        "at": rfc3339(now),
        "text": "\n".join([said, *shown[-SHOWN:]]),
    }
    return Alert(id, msgspec.json.encode({**head, **rest}), now)
