"""The archiver, on a broker: what is in the feeds is in the archive, once, and what was retracted is not."""

from collections.abc import Callable
from typing import Any

import pytest
from support.kafka.deployment import Deployment, entry
from support.waiting import until_async

from tweetream.archive import feed_reader
from tweetream.kafka import admin
from tweetream.models.codec import json_line
from tweetream.models.feed import base36


def ids(numbers: Any) -> list[str]:
    return [f"replay:posts.txt:{n}" for n in numbers]


async def test_every_post_of_all_feeds_is_archived_once_with_its_topics(
    deployment: Deployment, archiving: Any, rows: Any
) -> None:
    macet, hujan = await deployment.add("macet"), await deployment.add("hujan")
    await deployment.write_numbers(macet, range(300))
    await deployment.write_numbers(macet, range(100, 300))  # duplicates, as after a rebalance
    await deployment.write_numbers(hujan, range(0, 600, 2), "hujan")
    async with archiving():
        await until_async(lambda: len(rows()) == 450, what="the posts of both feeds")
        tol = await deployment.add("tol")  # a topic that is added later
        await deployment.write_numbers(tol, [5, 1000], "tol")
        await until_async(lambda: len(rows()) == 451, what="the post of the new topic")
    assert rows() == ids([*range(300), *range(300, 600, 2), 1000])
    topics = dict(rows("SELECT id, topics FROM posts"))
    assert topics[ids([5])[0]] == '["macet","tol"]' and set(topics[ids([4])[0]][2:-2].split('","')) == {
        "macet",
        "hujan",
    }
    assert rows("SELECT topic, sum(posts) FROM post_counts GROUP BY topic") == [
        ("hujan", 300),
        ("macet", 300),
        ("tol", 2),
    ]
    assert rows("SELECT topic, count(*) FROM post_topics GROUP BY topic") == [
        ("hujan", 300),
        ("macet", 300),
        ("tol", 2),
    ]


async def test_it_goes_on_where_it_was(deployment: Deployment, archiving: Any, rows: Any) -> None:
    macet = await deployment.add("macet")
    for first in (0, 100, 200):
        await deployment.write_numbers(macet, range(first, first + 100))
        async with archiving():
            await until_async(lambda: len(rows()) == first + 100, what="the posts")  # noqa: B023
    await deployment.write_numbers(macet, range(100, 301))  # the stamps are stored too
    async with archiving():
        await until_async(lambda: len(rows()) == 301, what="the last post")
    assert rows() == ids(range(301)) and rows("SELECT next_offset FROM feeds WHERE topic = 'macet'") == [501]


async def test_what_was_retracted_is_not_archived_and_taken_out(
    deployment: Deployment, archiving: Any, rows: Any
) -> None:
    macet = await deployment.add("macet")
    await deployment.write_numbers(macet, range(10))
    await deployment.retract(*ids([3]))  # before it is archived
    async with archiving():
        await until_async(lambda: len(rows()) == 9, what="the posts")
        await deployment.retract(*ids([4, 20]))
        await until_async(lambda: len(rows()) == 8, what="one post less")
        await deployment.write_numbers(macet, [20, 21])  # one comes after its retraction
        await until_async(lambda: ids([21])[0] in rows(), what="the last post")
    assert rows() == ids([0, 1, 2, 5, 6, 7, 8, 9, 21])
    assert rows("SELECT sum(posts) FROM post_counts") == [9] and rows("SELECT count(*) FROM post_topics") == [9]
    found = "SELECT count(*) FROM posts_search WHERE posts_search MATCH '{}'"
    assert rows(found.format("macet")) == [9] and rows(found.format("4")) == [0]


async def test_a_deleted_topic_is_let_go_and_its_posts_stay(deployment: Deployment, archiving: Any, rows: Any) -> None:
    macet, hujan = await deployment.add("macet"), await deployment.add("hujan")
    await deployment.write_numbers(macet, range(10))
    async with archiving() as archiver:
        await until_async(lambda: len(rows()) == 10, what="the posts")
        await deployment.delete("macet", macet)
        await until_async(lambda: macet not in {tp.topic for tp in archiver._reader._assigned}, what="let go")
        await deployment.write_numbers(hujan, range(50, 60), "hujan")
        await until_async(lambda: len(rows()) == 20, what="the other feed")


async def test_a_feed_that_kafka_does_not_have_holds_no_other(
    deployment: Deployment, archiving: Any, rows: Any
) -> None:
    macet, hujan = await deployment.add("macet"), await deployment.add("hujan")
    await admin.delete(deployment.kafka, [macet])
    await deployment.write_numbers(hujan, range(10), "hujan")
    async with archiving():
        await until_async(lambda: len(rows()) == 10, what="the other feed")


@pytest.mark.parametrize("runs", [True, False], ids=["while-it-runs", "while-it-is-down"])
async def test_a_feed_that_is_made_again_is_read_from_its_start(
    runs: bool, deployment: Deployment, archiving: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new log may be longer than the old one was when the archive comes to it."""
    monkeypatch.setattr(feed_reader, "ASK_TIMEOUT", 1.0)
    macet = await deployment.add("macet")
    await deployment.write_numbers(macet, range(10))

    async def make_again(known: Callable[[], bool] = lambda: True) -> None:
        await admin.delete(deployment.kafka, [macet])
        await deployment.remake("macet", macet)
        await until_async(
            known, what="the archiver knows"
        )  # a worker writes half a second later, when it sees the topic
        await deployment.write_numbers(macet, range(5, 40))

    async with archiving() as archiver:
        await until_async(lambda: len(rows()) == 10, what="the posts")
        if runs:
            before = archiver._reader._logs[macet]
            await make_again(lambda: archiver._reader._logs[macet] != before)
            await until_async(lambda: ids([39])[0] in rows(), what="the last post")
    if not runs:
        await make_again()
    async with archiving():
        await until_async(lambda: ids([39])[0] in rows(), what="the last post")
        assert rows() == ids(range(40))
        await deployment.write_numbers(macet, [40])
        await until_async(lambda: len(rows()) == 41, what="and those after it")
    log = base36(deployment.generation + 1)
    assert rows("SELECT log, next_offset FROM feeds WHERE topic = 'macet'") == [(log, 36)]


async def test_posts_older_than_the_retention_are_deleted(deployment: Deployment, archiving: Any, rows: Any) -> None:
    macet = await deployment.add("macet")
    await deployment.write_numbers(macet, range(10))
    async with archiving():
        await until_async(lambda: len(rows()) == 10, what="the posts")
    async with archiving(retention=1.0):
        await until_async(lambda: not rows() and not rows("SELECT * FROM post_counts"), what="no post")


async def test_what_is_no_post_stops_nothing(deployment: Deployment, archiving: Any, rows: Any) -> None:
    macet = await deployment.add("macet")
    bad = entry(1)
    bad.received_at = "yesterday"
    await deployment.write(macet, [(0, entry(0)), (1, bad)])
    surrogate = json_line(entry(2)).replace(b"macet di", b"\\ud800")
    await deployment.producer.send_all(macet, 0, [(b'{"n":1}', []), (surrogate, [("label", b"x")])])
    await deployment.write(macet, [(3, entry(3, text="nul \x00 dan \U0001f697"))])
    async with archiving():
        await until_async(lambda: ids([3])[0] in rows(), what="the post after them")
    assert rows() == ids([0, 3])
