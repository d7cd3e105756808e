"""What a watch finds in a feed: each post of its rule once, in order, and a surge once from beginning to end."""

import json
from typing import Any, cast

import msgspec
import pytest
from support.alerts_topic import NOW, FakeFeed

from tweetream.alerts.message import MOST_BYTES, MOST_POSTS, MOST_TEXT
from tweetream.alerts.watch import LATE, Watch, rule_of
from tweetream.feeds.past import PastReader
from tweetream.kafka.compacted import MAX_VALUE
from tweetream.models import codec
from tweetream.models.alert import AlertRule, AlertState, check_alert
from tweetream.models.counts import Counts
from tweetream.models.feed import base36
from tweetream.models.topic import Topic

MINUTE = 60_000
BORN = NOW - 90 * MINUTE
EPOCH = 7


def topic(rule: AlertRule, since: int = BORN) -> Topic:
    return Topic("macet", ("macet",), BORN, BORN, "t-feed-macet-1", 0, alert=check_alert(rule), alert_since=since)


def hours(start: int, end: int) -> str:
    """The hours of a day from one minute to another after NOW, as a rule has them."""
    clocks = [(NOW // MINUTE + minutes) % 1440 for minutes in (start, end)]
    return "-".join([f"{clock // 60:02}:{clock % 60:02}" for clock in clocks])


@pytest.fixture
def feed() -> FakeFeed:
    return FakeFeed()


EVERY = topic(AlertRule("every"))


def watch(feed: FakeFeed, state: AlertState | None = None, of: Topic = EVERY, epoch: int = EPOCH) -> Watch:
    return Watch(cast(PastReader, feed), epoch, of, state)


def body(state: AlertState | None) -> dict[str, Any]:
    assert state is not None and state.alert is not None
    assert json.loads(state.alert.body)["id"] == state.alert.id
    return cast(dict[str, Any], json.loads(state.alert.body))


async def test_each_post_of_the_label_is_in_one_alert(feed: FakeFeed) -> None:
    every = topic(AlertRule("every", "traffic"))
    looking = watch(feed)
    assert await looking.look(every, feed, NOW) is None
    for label in ("traffic", "talk", "traffic"):
        feed.add(label)
    said = body(await looking.look(every, feed, NOW))
    assert (said["id"], said["type"], said["topic"], said["label"], said["count"]) == (
        f"macet@{base36(BORN)}:2", "posts", "macet", "traffic", 2,
    )  # fmt: skip
    assert [post["id"] for post in said["posts"]] == ["x:0", "x:2"]
    assert said["text"].splitlines() == [
        "2 new posts in macet, label traffic",
        "ayu: macet https://a.example/1",
        "ayu: macet https://a.example/1",
    ]
    assert await looking.look(every, feed, NOW) is None
    feed.add()
    assert body(await looking.look(every, feed, NOW))["text"].startswith("a new post in macet, label traffic\n")


async def test_many_posts_are_shared_out_and_none_is_left_out(feed: FakeFeed) -> None:
    every, looking = topic(AlertRule("every")), watch(feed)
    for _ in range(2500):
        feed.add()
    ids: list[str] = []
    while len(ids) < 2500:
        posts = body(await looking.look(every, feed, NOW))["posts"]
        assert len(posts) <= MOST_POSTS
        ids += [post["id"] for post in posts]
    assert ids == [f"x:{number}" for number in range(2500)]


async def test_the_next_worker_goes_on_where_this_one_was(feed: FakeFeed) -> None:
    every = topic(AlertRule("every"))
    for _ in range(50):
        feed.add()
    state = await watch(feed).look(every, feed, NOW)
    assert state is not None and state.offset == MOST_POSTS
    again = await watch(feed, state, epoch=8).look(every, feed, NOW)
    assert body(again)["posts"][0]["id"] == f"x:{MOST_POSTS}" and again is not None and again.epoch == 8
    feed.first = 45  # retention has passed the rest
    assert body(await watch(feed, state).look(every, feed, NOW))["posts"][0]["id"] == "x:45"


async def test_posts_from_before_the_rule_or_an_hour_ago_give_no_alert(feed: FakeFeed) -> None:
    for at in (NOW - LATE - 1, NOW - 20 * MINUTE, NOW - MINUTE):
        feed.add(at=at)
    every = topic(AlertRule("every"))
    assert len(body(await watch(feed).look(every, feed, NOW))["posts"]) == 2
    young = topic(AlertRule("every"), since=NOW - 10 * MINUTE)
    assert len(body(await watch(feed, of=young).look(young, feed, NOW))["posts"]) == 1
    old = AlertState(EPOCH, rule_of(EVERY), offset=0, surge=9)
    assert len(body(await watch(feed, old, of=young).look(young, feed, NOW))["posts"]) == 1


async def test_a_feed_that_was_made_again_is_read_from_its_beginning(feed: FakeFeed) -> None:
    """Somebody deleted its Kafka topic: offsets begin at 0 again, and alerts of other posts must not have old ids."""
    feed.add()
    again = msgspec.structs.replace(EVERY, remade=BORN + 7)
    said = body(await watch(feed, AlertState(EPOCH, rule_of(EVERY), offset=500), of=again).look(again, feed, NOW))
    assert said["id"] == f"macet@{base36(BORN + 7)}:0"


async def test_posts_of_the_quiet_hours_give_no_alert_although_they_are_read_later(feed: FakeFeed) -> None:
    feed.add(at=NOW)
    feed.add(at=NOW + 15 * MINUTE)
    every = topic(AlertRule("every", quiet=hours(10, 20)))
    said = body(await watch(feed).look(every, feed, NOW + 30 * MINUTE))
    assert [post["id"] for post in said["posts"]] == ["x:0"]


async def test_a_feed_is_not_read_while_its_counts_do_not_change(
    feed: FakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("tweetream.alerts.watch.time.monotonic", lambda: clock[0])
    every, looking = topic(AlertRule("every", "traffic")), watch(feed)
    for _ in range(60):
        await looking.look(every, feed, NOW)
        clock[0] += 1
    assert 5 < feed.looks < 10
    before = feed.looks
    feed.add("talk")
    await looking.look(every, feed, NOW)
    assert feed.looks <= before + 1, "other labels count for nothing"


async def test_whatever_posts_have_an_alert_fits_into_its_record(feed: FakeFeed) -> None:
    """Against posts that fill the alerts topic, or that Kafka refuses."""
    every, looking = topic(AlertRule("every")), watch(feed)
    for _ in range(30):
        feed.add(text="𝕏" * 60_000, author="𝕏" * 60_000, url="𝕏" * 60_000, lang="𝕏" * 9_000, source="𝕏" * 900)
    feed.add(text=None, url=None, author=None)
    seen = 0
    while seen < 31:
        state = await looking.look(every, feed, NOW)
        said = body(state)
        seen += len(said["posts"])
        assert len(codec.encode(state)) < MAX_VALUE and len(said["posts"][0]["text"] or "") <= MOST_TEXT
        assert len(said["posts"]) == 1 or len(json.dumps(said["posts"], ensure_ascii=False).encode()) < 2 * MOST_BYTES


class Surging:
    """The counts of a feed with one post a minute, and so many in this one."""

    def __init__(self, posts: int, minute: int) -> None:
        self._counts = Counts(minutes={minute - ago: {"traffic": posts if ago == 0 else 1} for ago in range(61)})

    def entry(self, feed: str) -> Counts:
        return self._counts

    def labels(self, feed: str) -> dict[str, int]:
        raise AssertionError("a sum says nothing of a surge")


async def test_a_surge_gives_one_alert_until_it_has_ended_and_comes_again(feed: FakeFeed) -> None:
    rule = topic(AlertRule("surge", "traffic", 3.0, 5, 10))
    looking, minute = watch(feed), NOW // MINUTE
    feed.add()
    assert await looking.look(rule, Surging(1, minute), NOW) is None
    assert await looking.look(rule, Surging(20, minute), NOW + 4_999) is None, "not measured again so soon"
    state = await looking.look(rule, Surging(20, minute), NOW + 5_000)
    said = body(state)
    assert (said["id"], said["type"]) == (f"macet@{base36(BORN)}:surge-{minute}", "surge")
    assert (said["count"], said["usual"], said["minutes"]) == (24, 5, 5)
    assert said["text"].splitlines()[0] == "24 posts in macet, label traffic in 5 minutes; usually there are 5"
    for later in range(1, 8):
        counts = Surging(20, minute + later)
        assert await looking.look(rule, counts, NOW + later * MINUTE) is None, "it goes on"
    assert await watch(feed, state).look(rule, Surging(20, minute + 8), NOW + 8 * MINUTE) is None, "on all workers"
    ended = await looking.look(rule, Surging(1, minute + 9), NOW + 9 * MINUTE)
    assert ended is not None and ended.surge == 0 and state is not None and ended.alert == state.alert
    again = body(await looking.look(rule, Surging(20, minute + 20), NOW + 20 * MINUTE))
    assert again["id"] == f"macet@{base36(BORN)}:surge-{minute + 20}"


async def test_a_surge_that_ends_and_begins_within_its_minutes_is_one(feed: FakeFeed) -> None:
    rule = topic(AlertRule("surge", "traffic", 3.0, 5, 10))
    looking, minute = watch(feed), NOW // MINUTE
    assert await looking.look(rule, Surging(20, minute), NOW) is not None
    assert await looking.look(rule, Surging(1, minute + 1), NOW + MINUTE) is None
    assert await looking.look(rule, Surging(20, minute + 2), NOW + 2 * MINUTE) is None


async def test_a_surge_in_the_quiet_hours_gives_its_alert_when_they_end(feed: FakeFeed) -> None:
    rule = topic(AlertRule("surge", quiet=hours(0, 5)))
    looking, minute = watch(feed), NOW // MINUTE
    assert await looking.look(rule, Surging(99, minute), NOW) is None
    assert await looking.look(rule, Surging(99, minute + 5), NOW + 5 * MINUTE) is not None
