"""`GET /topics/NAME/posts.csv`, `.jsonl` and `.rss`, on a broker, in this process."""

import csv
import io
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.archives import batch, store
from support.kafka.deployment import BEGIN, Deployment, entry
from support.kafka.feed_writer import Broker

from tweetream.app import settings
from tweetream.settings import Settings
from tweetream.topology import topics_table
from tweetream.web import export
from tweetream.web.archive_reads import ArchiveReads
from tweetream.web.feed_server import FeedServer
from tweetream.web.middleware import application_options

Client = TestClient[web.Request, web.Application]
POSTS = 150
STORED = 2500  # more than the archive gives at once


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """An archive with more than the feed has."""
    url = f"sqlite:///{tmp_path}/posts.db"
    written = store(url)
    written.open()
    written.write(batch([entry(n) for n in range(STORED)], STORED))
    written.write(batch([entry(n, "hujan") for n in range(0, STORED, 10)], STORED, "hujan"))
    written.close()
    return url


async def no_labels() -> set[str]:
    return set()


@pytest.fixture
async def client(
    embedded_broker: Broker, namespace: str, archive: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    deployment = await Deployment(embedded_broker, namespace).start()
    feed = await deployment.add("macet")
    hostile = entry(0, text='=HYPERLINK("http://evil.example")')
    await deployment.write(feed, [(0, hostile)])
    await deployment.write_numbers(feed, range(1, POSTS))
    await deployment.write_numbers(feed, range(50, POSTS))  # delivered twice
    await deployment.producer.send_all(feed, 0, [(b'{"no":"post"}', [("label", b"x")])])
    server = FeedServer(deployment.kafka, settings)
    server.hub.retractions.add(entry(7).id, 1)

    async def any_label(*arguments: Any) -> None:
        return None

    monkeypatch.setattr(export, "find", lambda name: SimpleNamespace(name=name, kafka_topic=feed))
    monkeypatch.setattr(export, "feed_server", lambda: server)
    monkeypatch.setattr(export, "check_label", any_label)
    monkeypatch.setattr(topics_table, "entry", lambda name: None)
    reads = ArchiveReads(Settings(archive=archive), no_labels, server.hub.retractions.has)
    monkeypatch.setattr(export, "archive_reads", lambda: reads)
    application = web.Application(**application_options(settings))
    nothing: Any = None
    for view in (export.Csv, export.JsonLines, export.Rss):
        for method in ("get", "head"):
            handler = partial(getattr(view, method), view(nothing, nothing))

            async def handle(request: web.Request, handler: Any = handler) -> web.StreamResponse:
                response: web.StreamResponse = await handler(request, request.match_info["name"])
                return response

            application.router.add_route(method.upper(), f"/topics/{{name}}/posts.{view.format}", handle)
    async with TestClient(TestServer(application)) as client:
        yield client
    await server.hub.past.stop()
    await deployment.stop()


async def test_a_feed_is_streamed_whole_each_post_once_and_without_retracted_ones(client: Client) -> None:
    ids = [entry(n).id for n in range(POSTS) if n != 7]
    async with client.get("/topics/macet/posts.jsonl") as answer:
        posts = [json.loads(line) for line in (await answer.text()).splitlines()]
        assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    assert [post["id"] for post in posts] == ids and posts[1]["text"] == "macet di jalan 1"
    async with client.get("/topics/macet/posts.csv") as answer:
        rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"), newline="")))
        assert answer.headers["Content-Disposition"] == 'attachment; filename="macet.csv"'
    assert [row["id"] for row in rows] == ids and rows[0]["text"] == "'" + '=HYPERLINK("http://evil.example")'
    async with client.get("/topics/macet/posts.rss") as answer:
        text = await answer.text()
    assert text.count("<item>") == export.NEWEST and text.index(ids[-1]) < text.index(ids[-2])


async def test_filters_and_times_narrow_it_and_anything_else_is_400(client: Client) -> None:
    async with client.get("/topics/macet/posts.jsonl?label=traffic&min_score=0.9") as answer:
        found = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert found and all(post["label"] == "traffic" and post["score"] >= 0.9 for post in found)
    for query in ("until=5", "since=999999999999999"):
        async with client.get(f"/topics/macet/posts.csv?{query}") as answer:
            assert answer.status == 200 and (await answer.text()).count("\n") == 1
    for query in ("last=5", "since=x", "until=soon", "min_score=7", "label=a&label=b"):
        async with client.get(f"/topics/macet/posts.csv?{query}") as answer:
            assert answer.status == 400
    async with client.head("/topics/macet/posts.csv") as answer:
        assert answer.status == 200 and answer.headers["Content-Type"] == "text/csv; charset=utf-8"


async def test_with_an_archive_it_has_all_that_was_archived_with_all_topics_of_each_post(client: Client) -> None:
    wanted = [entry(n).id for n in range(STORED) if n != 7]
    async with client.get("/topics/macet/posts.jsonl?from=archive") as answer:
        posts = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert [post["id"] for post in posts] == wanted, "without the one that was retracted while no archiver ran"
    assert [post["topics"] for post in posts[9:11]] == [["macet", "hujan"], ["macet"]]
    assert all(0 <= post["score"] <= 1 and post["topic"] == "macet" for post in posts)
    async with client.get("/topics/hujan/posts.csv?from=archive&label=traffic") as answer:
        rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == [entry(n).id for n in range(0, STORED, 10)]
    assert {row["topics"] for row in rows} == {"macet hujan"}
    times = f"since={BEGIN + 2_400_000}&until={BEGIN + 2_401_000}"
    async with client.get(f"/topics/macet/posts.jsonl?from=archive&{times}") as answer:
        assert len((await answer.text()).splitlines()) == 1


async def test_an_archive_that_cannot_be_exported_says_why(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, status, detail in (
        ("/topics/macet/posts.csv?from=nowhere", 400, "from is feed or archive"),
        ("/topics/tol/posts.csv?from=archive", 404, "there is no topic tol, and the archive has no post of it"),
    ):
        async with client.get(path) as answer:
            assert (answer.status, (await answer.json(content_type=None))["detail"]) == (status, detail)
    none = ArchiveReads(Settings(archive=""), no_labels)
    monkeypatch.setattr(export, "archive_reads", lambda: none)
    async with client.get("/topics/macet/posts.csv?from=archive") as answer:
        assert answer.status == 404 and "this worker has no archive" in (await answer.json(content_type=None))["detail"]
