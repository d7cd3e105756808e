"""`GET /search`, and counts from the archive: parameters, pages, and what cannot be read. In this process."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.archives import batch, store
from support.kafka.deployment import BEGIN, entry
from support.waiting import until_async

from tweetream.models.feed import rfc3339
from tweetream.settings import Settings
from tweetream.web import archive_reads
from tweetream.web.archive_reads import ArchiveReads
from tweetream.web.middleware import application_options
from tweetream.web.problems import Problem

Get = Callable[..., Any]
TEXTS = ["macet di tol", "tol lancar", "macet total", "banjir"]


def application(url: str, is_retracted: Callable[[str], bool] = lambda id: False) -> web.Application:
    known = Settings(archive=url)

    async def labels() -> set[str]:
        return {"traffic", "non_traffic"}

    reads = ArchiveReads(known, labels, is_retracted)
    app = web.Application(**application_options(known))

    async def stats(request: web.Request) -> web.StreamResponse:
        return await reads.stats(request, request.match_info["name"], BEGIN + 3_600_000, is_topic=False)

    app.router.add_get("/search", reads.search)
    app.router.add_get("/topics/{name}/stats", stats)
    return app


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/posts.db"


@pytest.fixture
async def get(url: str) -> AsyncIterator[Get]:
    async with TestClient(TestServer(application(url))) as client:

        async def ask(path: str = "/search", **query: Any) -> Any:
            async with client.get(path, params=query) as answer:
                found = await answer.json(content_type=None)
                return found if answer.status == 200 else (answer.status, found["detail"])

        yield ask


@pytest.fixture
def archive(url: str) -> None:
    archive = store(url)
    archive.open()
    archive.write(batch(entry(n, text=text) for n, text in enumerate(TEXTS)))
    archive.close()


def texts(page: Any) -> list[str]:
    return [post["text"] for post in page["posts"]]


@pytest.mark.usefixtures("archive")
async def test_posts_come_newest_first_in_pages(get: Get) -> None:
    first = await get(q="macet", last=1)
    assert texts(first) == ["macet total"] and first["before"] == first["after"] == first["posts"][0]["position"]
    second = await get(q="macet", last=1, before=first["before"])
    assert texts(second) == ["macet di tol"] and second["before"] is None
    assert await get(q="macet", before=second["posts"][0]["position"]) == {"posts": [], "before": None, "after": None}
    post = second["posts"][0]
    assert (post["id"], post["topic"], post["topics"]) == (entry(0).id, "macet", ["macet"])
    assert post["received_at"] == rfc3339(BEGIN) and post["score"] == 0.5


@pytest.mark.usefixtures("archive")
async def test_a_retraction_that_the_archive_has_not_heard_of_counts(url: str) -> None:
    """The archiver may be down for a day; the worker hears of the retraction from Kafka."""
    gone = {entry(2).id}
    async with (
        TestClient(TestServer(application(url, gone.__contains__))) as client,
        client.get("/search", params={"q": "macet"}) as answer,
    ):
        found = await answer.json()
    assert texts(found) == ["macet di tol"]
    assert found["after"] is not None, "the page goes on from what was found, not from what is shown"


@pytest.mark.usefixtures("archive")
async def test_all_parameters_go_together(get: Get) -> None:
    assert texts(await get()) == TEXTS[::-1] == texts(await get(q=" "))
    since, until = rfc3339(BEGIN + 1000), BEGIN + 3000
    assert texts(await get(since=since, until=until)) == ["macet total", "tol lancar"]
    every = {"q": "macet -tol", "topic": "macet", "label": "traffic", "author": "@author2", "source": "replay"}
    assert texts(await get(**every, since=since, until=until, min_score=0.6)) == ["macet total"]
    assert texts(await get(**every, min_score=1)) == [] == texts(await get(topic="nothing"))


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"words": "macet"}, "there is no parameter 'words' here"), ({"after": "x"}, "there is no parameter 'after'"),
        ({"q": "!!!"}, "q has no word to search for"), ({"q": "a" * 501}, "q has more than 500 characters"),
        ({"last": "0"}, "last is a whole number from 1 to 1000"), ({"last": "1001"}, "last is a whole number"),
        ({"before": "macet@1:5"}, "before is the position of a post in another search"),
        ({"before": "x"}, "not a position"), ({"since": "soon"}, "since is a time in ISO 8601"),
        ({"until": "later"}, "until is a time in ISO 8601"), ({"min_score": "2"}, "min_score is a number from 0 to 1"),
        ({"author": "a\0"}, "author has at most 512 characters, and no NUL"), ({"source": "x" * 513}, "source has at"),
        ({"label": "\0"}, "label has at most"),
        ({"topic": "No Topic"}, "a topic's name is 1 to 64"), ({"label": "nonsense"}, "label is one of non_traffic"),
    ],
)  # fmt: skip
async def test_what_is_no_search_is_400_with_the_reason(get: Get, query: dict[str, str], detail: str) -> None:
    status, said = await get(**query)
    assert status == 400 and detail in said


async def test_without_an_archive_404_says_how_to_get_one() -> None:
    async with TestClient(TestServer(application(""))) as client:
        for path in ("/search?q=x", "/topics/macet/stats?step=day"):
            async with client.get(path) as answer:
                assert (
                    answer.status == 404 and "set TWEETREAM_ARCHIVE" in (await answer.json(content_type=None))["detail"]
                )


async def test_an_archive_that_is_not_there_yet_is_503_and_then_read(get: Get, url: str) -> None:
    status, detail = await get(q="macet")
    assert status == 503 and "there is no archive" in detail
    archive = store(url)
    archive.open()
    archive.write(batch([entry(0, text="macet")]))
    assert texts(await get(q="macet")) == ["macet"]


@pytest.mark.usefixtures("archive")
async def test_an_address_that_searches_without_end_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops a client that keeps all threads busy."""
    monkeypatch.setattr(archive_reads, "BURST", 2)
    monkeypatch.setattr(archive_reads, "PER_SECOND", 0.1)
    async with TestClient(TestServer(application(url))) as client:
        answers = [await client.get("/search?q=macet") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429] and int(answers[2].headers["Retry-After"]) > 0


@pytest.mark.usefixtures("archive")
async def test_counts_have_every_step_also_without_posts(get: Get) -> None:
    hour = BEGIN - BEGIN % 3_600_000
    found = await get("/topics/macet/stats", since=BEGIN - 7_200_000, until=BEGIN + 3_600_000, step="hour")
    assert [step["minute"] for step in found] == [rfc3339(hour + n * 3_600_000) for n in (-2, -1, 0, 1)]
    assert found[2]["labels"] == {"traffic": 2, "non_traffic": 2} and found[2]["sources"] == {"replay": 4}
    assert found[1]["labels"] == {}
    assert len(await get("/topics/macet/stats", step="hour")) == 25
    assert len(await get("/topics/macet/stats", step="minute", since=BEGIN)) == 61
    assert [step["labels"] for step in await get("/topics/macet/stats", step="day", since=BEGIN)] == [
        {"traffic": 2, "non_traffic": 2}
    ]


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ({"step": "week"}, 400, "step is one of minute, hour, day"),
        ({"step": "day", "minutes": 5}, 400, "minutes is for the last hour"),
        ({"step": "minute", "since": 0}, 400, "more than 10081 steps"), ({"until": "x"}, 400, "until is a time"),
        ({"step": "hour", "until": 5}, 404, "there is no topic hujan, and the archive has no post of it"),
    ],
)  # fmt: skip
async def test_counts_that_cannot_be_given_say_why(get: Get, query: dict[str, Any], status: int, detail: str) -> None:
    found = await get("/topics/hujan/stats", **query)
    assert found[0] == status and detail in found[1]


async def test_a_search_whose_client_leaves_keeps_its_thread_and_no_other_work_waits_for_it(
    url: str, archive: None
) -> None:
    """Stops searches, cancelled in a loop, from filling all threads of a worker: then no topic is added any more."""
    nothing: Any = None
    reads, going, gate = ArchiveReads(Settings(archive=url), nothing), list[int](), threading.Event()

    def work(_: Any) -> None:
        going.append(1)
        assert gate.wait(20)

    try:
        for _ in range(archive_reads.THREADS + archive_reads.WAITING):
            call = asyncio.create_task(reads.run(work))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        with pytest.raises(Problem, match="too many searches wait"):
            await reads.run(work)
        assert await asyncio.wait_for(asyncio.to_thread(lambda: len(going)), 5) <= archive_reads.THREADS
    finally:
        gate.set()
    await until_async(lambda: reads._waiting == 0)


async def test_one_address_never_has_all_threads_also_if_its_clients_leave(url: str, archive: None) -> None:
    """Stops long searches of one address, left or not, for which everybody else's wait."""
    nothing: Any = None
    reads, going, gate = ArchiveReads(Settings(archive=url), nothing), list[int](), threading.Event()

    def work(_: Any) -> None:
        going.append(1)
        assert gate.wait(20)

    try:
        calls = [
            asyncio.create_task(reads.run_for("1.2.3.4", work))
            for _ in range(archive_reads.EACH + archive_reads.EACH_WAITING)
        ]
        await until_async(lambda: len(going) == archive_reads.EACH)
        for call in calls[:5]:
            call.cancel()
        with pytest.raises(Problem, match="of this address"):
            await reads.run_for("1.2.3.4", work)
        assert await asyncio.wait_for(reads.run_for("5.6.7.8", lambda _: "found"), 5) == "found"
        assert len(going) == archive_reads.EACH
    finally:
        gate.set()
    await until_async(lambda: not reads._of and not reads._turns)
