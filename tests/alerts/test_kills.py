"""Each alert once, while the worker that gives them dies again and again. The same with real workers is a soak."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.alerts_topic import NOW, AlertsTopic, FakeFeed
from support.waiting import until_async

from tweetream.alerts import service, webhook
from tweetream.models.alert import AlertRule
from tweetream.models.topic import Topic
from tweetream.settings import Settings

KILLS = 20
TOPIC = Topic("macet", ("macet",), 1, 1, "t-feed-macet-1", 0, alert=AlertRule("every"), alert_since=NOW)


class Receiver:
    """Takes each id once, as docs/alerts.md asks. One request of ten fails before it is looked at."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.came: Counter[str] = Counter()
        self.bodies: dict[str, set[bytes]] = {}
        self.posts: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        id, body = request.headers["webhook-id"], await request.read()
        if self._chance.random() < 0.1:
            return web.Response(status=503)
        self.came[id] += 1
        self.bodies.setdefault(id, set()).add(body)
        if self.came[id] == 1:
            self.posts += [post["id"] for post in (await request.json())["posts"]]
        await asyncio.sleep(self._chance.uniform(0, 0.02))
        return web.Response(status=204)


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    receiver = Receiver(random.Random(20))
    application = web.Application()
    application.router.add_post("/", receiver.answer)
    async with TestServer(application) as server:
        monkeypatch.setattr(service, "settings", Settings(alert_url=str(server.make_url("/"))))
        yield receiver


async def test_each_post_is_in_one_alert_through_20_kills_and_only_what_was_in_doubt_comes_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, kafka, feed = random.Random(7), AlertsTopic(), FakeFeed()
    monkeypatch.setattr("tweetream.alerts.service.topics_table.alive", lambda: [TOPIC])
    for name, value in {"counts_table": feed, "PastReader": lambda *_: feed, "now_ms": lambda: NOW}.items():
        monkeypatch.setattr(service, name, value)
    for name, seconds in {"TICK": 0.01, "GRACE": 0.0, "TIMEOUT": -0.95}.items():
        monkeypatch.setattr(service, name, seconds)
    monkeypatch.setattr(webhook, "FIRST_PAUSE", 0.01)
    doubtful: set[str] = set()
    for kill in range(KILLS + 1):
        log = kafka.worker()
        monkeypatch.setattr(service, "alert_log", lambda log=log: log)
        run = asyncio.create_task(service.Run().main())
        for _ in range(5):
            feed.add()
            await asyncio.sleep(chance.uniform(0, 0.03))
        if kill == KILLS:
            break
        kafka.kill(log)
        doubtful |= {state.alert.id for feed_, state in log.states.items() if state.alert and not log.is_done(feed_)}
        run.cancel()
        await asyncio.wait({run})
    await until_async(lambda: len(receiver.posts) == len(feed.records))
    run.cancel()
    await asyncio.wait({run})
    assert receiver.posts == [f"x:{number}" for number in range(5 * (KILLS + 1))], "all, in order, each once"
    repeated = {id for id, times in receiver.came.items() if times > 1}
    assert repeated <= doubtful
    assert all(len(bodies) == 1 for bodies in receiver.bodies.values())
