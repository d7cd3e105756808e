"""`PATCH /topics/NAME`: the words change from now on, by the rules that hold for every other change."""

import inspect
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tweetream.agents.streamer import edited
from tweetream.models.command import Command
from tweetream.models.topic import Topic
from tweetream.settings import Settings
from tweetream.web import topics
from tweetream.web.middleware import application_options
from tweetream.web.problems import Problem

SETTINGS = Settings(api_token="a-token-of-the-tests", cors_origins="https://desk.example.org", max_topics=1)
BEARER = {"Authorization": "Bearer a-token-of-the-tests"}
handlers: Any = inspect.unwrap(topics.OneTopic)
Client = TestClient[web.Request, web.Application]


class Table:
    """The topics table, and the worker that applies commands, unless `meanwhile` happens."""

    def __init__(self) -> None:
        self.topics = {"macet": Topic("macet", ("macet",), 1, 5, "t-feed-macet-5", 0)}
        self.commands: list[Command] = []
        self.meanwhile: Topic | Problem | None = None

    def entry(self, name: str) -> Topic | None:
        return self.topics.get(name)

    def alive(self) -> list[Topic]:
        return [topic for topic in self.topics.values() if topic.alive]

    async def command(self, request: Command) -> int:
        self.commands.append(request)
        if isinstance(self.meanwhile, Problem):
            raise self.meanwhile
        self.topics[request.name] = self.meanwhile or edited(self.topics[request.name], request, 7)
        return 7


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table()
    monkeypatch.setattr(topics, "topics_table", table)
    monkeypatch.setattr(topics, "command", table.command)
    monkeypatch.setattr(topics, "settings", SETTINGS)
    monkeypatch.setattr(topics, "require_recovered", lambda: None)
    return table


@pytest.fixture
async def client(table: Table) -> AsyncIterator[Client]:
    async def patch(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await handlers.patch(None, request, request.match_info["name"])
        return answer

    application = web.Application(**application_options(SETTINGS))
    application.router.add_patch("/topics/{name}", patch)
    async with TestClient(TestServer(application), headers=BEARER) as client:
        yield client


async def test_the_answer_is_the_topic_with_its_new_words_and_its_old_feed(client: Client, table: Table) -> None:
    answer = await client.patch("/topics/macet", json={"track": ["Tol Dalam Kota", "#MACET", "macet"]})
    assert (answer.status, answer.content_type) == (200, "application/json")
    shown = await answer.json()
    assert shown["track"] == ["macet", "tol dalam kota"]
    assert shown["kafka_topic"] == "t-feed-macet-5"
    assert table.commands == [Command("edit", "macet", ("macet", "tol dalam kota"), by="token", address="127.0.0.1")]


async def test_the_same_words_again_are_200(client: Client, table: Table) -> None:
    table.meanwhile = table.topics["macet"]  # the command changes nothing
    assert (await client.patch("/topics/macet", json={"track": ["MACET"]})).status == 200


async def test_a_rule_for_alerts_is_shown_whole_and_null_takes_it_away(client: Client) -> None:
    rule = {"when": "surge", "label": None, "factor": 3.0, "minutes": 10, "least": 10, "quiet": None, "zone": "UTC"}
    answer = await client.patch("/topics/macet", json={"alert": {"when": "surge"}})
    assert (answer.status, (await answer.json())["alert"]) == (200, rule)
    own = {**rule, "factor": 2, "minutes": 5, "least": 1, "quiet": "22:00-06:00", "zone": "Asia/Jakarta"}
    assert (await (await client.patch("/topics/macet", json={"alert": own})).json())["alert"] == own
    shown = await (await client.patch("/topics/macet", json={"track": ["tol"]})).json()
    assert (shown["track"], shown["alert"]) == (["tol"], own), "what is not named stays"
    shown = await (await client.patch("/topics/macet", json={"alert": None, "track": ["macet"]})).json()
    assert shown["track"] == ["macet"] and "alert" not in shown


async def test_a_rule_is_taken_before_there_is_an_address_and_the_answer_says_that_nothing_is_sent(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def shown(**body: Any) -> Any:
        return await (await client.patch("/topics/macet", json=body)).json()

    answer = await shown(alert={"when": "every"})
    assert answer["alert"]["when"] == "every" and "TWEETREAM_ALERT_URL" in answer["alert_problem"]
    assert "alert_problem" not in await shown(alert=None)
    monkeypatch.setattr(topics, "settings", Settings(api_token=SETTINGS.api_token, alert_url="http://127.0.0.1:8099/"))
    answer = await shown(alert={"when": "every"})
    assert answer["alert"]["when"] == "every" and "alert_problem" not in answer


@pytest.mark.parametrize(
    "rule",
    [{}, [], "every", {"when": "sometimes"}, {"when": "every", "least": 5}, {"when": "surge", "factor": 1},
     {"when": "surge", "minutes": 31}, {"when": "surge", "least": "5"}, {"when": "surge", "to": "http://a.example"},
     {"when": "every", "quiet": "22-6"}, {"when": "every", "zone": "../../etc/passwd"}, {"when": "every", "label": ""}],
)  # fmt: skip
async def test_a_rule_that_cannot_be_is_400_and_no_command(client: Client, table: Table, rule: object) -> None:
    answer = await client.patch("/topics/macet", json={"alert": rule})
    assert (answer.status, table.commands) == (400, [])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"track": null}', b'{"track": []}', b'{"track": "macet"}', b'{"track": [1]}',
     b'{"track": ["?!"]}', b'{"track": ["a -a"]}', b'{"track": ["a"], "name": "b"}', b"\xff",
     b'{"track": ["' + b"x" * 101 + b'"]}', b'{"track": [' + b'"a",' * 100 + b'"b"]}'],
)  # fmt: skip
async def test_a_body_that_is_no_edit_is_400_and_no_command(client: Client, table: Table, body: bytes) -> None:
    answer = await client.patch("/topics/macet", data=body)
    assert (answer.status, answer.content_type) == (400, "application/problem+json")
    assert table.commands == []


async def test_who_may_not_change_topics_may_not_edit_and_what_is_not_there_is_404(
    client: Client, table: Table
) -> None:
    table.topics["mati"] = Topic("mati", ("mati",), 1, 1, "t-feed-mati-1", 0, deleted_at=2)
    edit = {"track": ["tol"]}
    assert (await client.patch("/topics/macet", json=edit, headers={"Authorization": "Bearer x"})).status == 403
    del client.session.headers["Authorization"]
    assert (await client.patch("/topics/macet", json=edit)).status == 401
    client.session.headers.update(BEARER)
    origin = {"Origin": "https://evil.example"}
    assert (await client.patch("/topics/macet", json=edit, headers=origin)).status == 403
    for path, status in (
        ("/topics/tidak-ada", 404),
        ("/topics/mati", 404),
        ("/topics/A", 400),
        ("/topics/macet?x", 400),
    ):
        assert (await client.patch(path, json=edit)).status == status
    assert table.commands == []


async def test_more_words_than_all_topics_may_have_are_409(client: Client, table: Table) -> None:
    table.topics["lain"] = Topic("lain", ("x" * 9_000,), 1, 1, "t-feed-lain-1", 0)
    assert (await client.patch("/topics/macet", json={"track": ["y" * 100]})).status == 200, "there are more already"
    answer = await client.patch("/topics/macet", json={"track": [f"{number:0100}" for number in range(11)]})
    assert (answer.status, len(table.commands)) == (409, 1)
    assert "may track 10000 characters" in (await answer.json())["detail"]


async def test_what_others_do_at_the_same_time_is_told(client: Client, table: Table) -> None:
    there = table.topics["macet"]
    edit = {"track": ["tol"]}
    table.meanwhile = msgspec.structs.replace(there, track=("banjir",), command=8)
    answer = await client.patch("/topics/macet", json=edit)
    assert (answer.status, (await answer.json())["track"]) == (200, ["banjir"]), "a later edit has replaced it"
    table.topics["macet"] = table.meanwhile = there
    answer = await client.patch("/topics/macet", json=edit)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1"), "the worker that applies it refused"
    table.meanwhile = msgspec.structs.replace(there, deleted_at=9)
    assert (await client.patch("/topics/macet", json=edit)).status == 404
    table.topics["macet"], table.meanwhile = there, Problem(503, "timed out", {"Retry-After": "5"})
    assert (await client.patch("/topics/macet", json=edit)).status == 503


async def test_a_page_of_an_allowed_origin_may_edit(client: Client) -> None:
    asked = {"Origin": "https://desk.example.org", "Access-Control-Request-Method": "PATCH"}
    answer = await client.options("/topics/macet", headers=asked)
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"].split(", ")
