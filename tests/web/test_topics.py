"""Changes of topics as REST makes them: with who asked, within the bounds, and by no misspelt dry run."""

import inspect
from collections.abc import AsyncIterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tweetream.models.command import Command
from tweetream.models.topic import Topic
from tweetream.settings import Settings
from tweetream.web import topics
from tweetream.web.call_rate import CallRate
from tweetream.web.middleware import application_options
from tweetream.web.problems import Problem
from tweetream.web.schemas import PreviewAnswer

SETTINGS = Settings(api_token="a-token-of-the-tests", max_topics=2)
BEARER = {"Authorization": "Bearer a-token-of-the-tests"}
handlers: Any = inspect.unwrap(topics.Topics)


def topic(name: str, command: int) -> Topic:
    return Topic(name, (name,), 1, 1, f"t-feed-{name}-1", command)


class Table:
    """The topics table, and the worker that applies commands: it adds `others` before a command, within the bound."""

    def __init__(self) -> None:
        self.topics = {"satu": topic("satu", 0)}
        self.others: list[str] = []
        self.commands: list[Command] = []

    def entry(self, name: str) -> Topic | None:
        return self.topics.get(name)

    def alive(self) -> list[Topic]:
        return list(self.topics.values())

    async def command(self, request: Command) -> int:
        self.commands.append(request)
        for name in [*self.others, request.name]:
            if len(self.topics) < SETTINGS.max_topics:
                self.topics.setdefault(name, topic(name, 7))
        return 7


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table()
    monkeypatch.setattr(topics, "topics_table", table)
    monkeypatch.setattr(topics, "command", table.command)
    monkeypatch.setattr(topics, "settings", SETTINGS)
    return table


@pytest.fixture
async def client(table: Table) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    application = web.Application(middlewares=application_options(SETTINGS)["middlewares"])
    application.router.add_post("/topics", partial(handlers.post, None))
    async with TestClient(TestServer(application), headers=BEARER) as client:
        yield client


async def test_a_command_says_who_sent_it_and_from_where(client: Any, table: Table) -> None:
    assert (await client.post("/topics", json={"name": "dua"})).status == 201
    assert table.commands == [Command("add", "dua", ("dua",), by="token", address="127.0.0.1")]


async def test_above_the_bound_no_command_is_sent_and_what_is_there_stays_200(client: Any, table: Table) -> None:
    table.topics["dua"] = topic("dua", 1)
    refused = await client.post("/topics", json={"name": "tiga"})
    assert refused.status == 409 and refused.content_type == "application/problem+json"
    assert "TWEETREAM_MAX_TOPICS (2)" in (await refused.json())["detail"]
    assert table.commands == []
    assert (await client.post("/topics", json={"name": "dua"})).status == 200


async def test_a_caller_who_was_slower_than_another_hears_of_the_bound_too(client: Any, table: Table) -> None:
    table.others = ["dua"]
    refused = await client.post("/topics", json={"name": "tiga"})
    assert (refused.status, len(table.commands)) == (409, 1)


async def test_a_term_is_measured_when_it_is_normalised(client: Any, table: Table) -> None:
    for term in ("\ufdfa" * 100, "\ufdfa" * 9, "x" * 101):
        refused = await client.post("/topics", json={"name": "x", "track": [term]})
        assert refused.status == 400 and "100 characters" in (await refused.json())["detail"]
    assert (await client.post("/topics", json={"name": "x", "track": ["x" * 100]})).status == 201


async def test_a_dry_run_sends_no_command_and_neither_does_one_that_is_misspelt(
    client: Any, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Previews:
        def count(self, request: web.Request) -> None: ...

        async def of(self, track: list[str]) -> PreviewAnswer:
            asked.append(track)
            return PreviewAnswer(0, [], [])

    monkeypatch.setattr(topics, "previews", Previews)
    for body in ({"name": "dua"}, {"name": "dua", "track": ["Macet", "@nama"]}):
        answer = await client.post("/topics?dry_run=true", json=body)
        assert await answer.json() == {"matches": 0, "posts": [], "warnings": []}
    assert asked == [["dua"], ["Macet", "@nama"]], "as they were written, so that a warning can name a term"
    for query in ("dryrun=true", "dry_run=yes", "dry_run=", "dry_run=true&dry_run=false"):
        assert (await client.post(f"/topics?{query}", json={"name": "dua"})).status == 400
    assert table.commands == []
    assert (await client.post("/topics?dry_run=false", json={"name": "dua"})).status == 201


async def test_changes_have_a_rate_by_token_and_without_one_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops adding and deleting in a loop, which fills Kafka and every worker's table."""
    rate, sent = CallRate(2, 0.1), list[Any]()

    async def send(*args: Any) -> Any:
        sent.append(args)
        raise TimeoutError

    monkeypatch.setattr(topics, "_changes", lambda: rate)
    monkeypatch.setattr(topics, "services", SimpleNamespace(producer=SimpleNamespace(send=send)))
    callers = [("ayu", "10.0.0.1")] * 3 + [("ayu", "10.0.0.2"), ("budi", "10.0.0.1")]
    callers += [("loopback", "127.0.0.1")] * 3
    statuses = []
    for by, address in callers:
        with pytest.raises(Problem) as problem:
            await topics.command(Command("delete", "a", by=by, address=address))
        statuses.append(problem.value.status)
    assert statuses == [503, 503, 429, 429, 503, 503, 503, 429] and len(sent) == 5
