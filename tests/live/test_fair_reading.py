"""Searches of the past that find nothing: they end early or are refused, and others read as before."""

import asyncio
import time
from pathlib import Path

import httpx
from support.raw_streams import Stream
from support.waiting import until
from support.workers import workers, write_lines

from tweetream.kafka.embedded import EmbeddedBroker

POSTS, SEARCHES = 30_000, 60
PAGE = "/topics/jalan/posts"


async def search_and_read(url: str) -> tuple[list[httpx.Response], list[float]]:
    """The answers to the searches, and how long pages took meanwhile."""
    took = []
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        query = {"label": "traffic", "min_score": "1"}
        searches = [asyncio.create_task(client.get(PAGE, params=query)) for _ in range(SEARCHES)]
        await asyncio.sleep(0.1)
        for _ in range(3):
            began = time.monotonic()
            page = await client.get(PAGE, params={"last": 50})
            assert page.status_code == 200 and len(page.json()["posts"]) == 50
            took.append(time.monotonic() - began)
        return await asyncio.gather(*searches), took


def test_sixty_searches_that_find_nothing_do_not_delay_pages_and_an_unknown_label_is_400(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    """Pages took 15 s meanwhile."""
    file = write_lines(tmp_path / "posts.txt", [f"jalan nomor {number}" for number in range(POSTS)])
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "jalan"}
    with workers(1, embedded_broker.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("jalan") == POSTS, 60, "all posts are in the feed")
        answers, took = asyncio.run(search_and_read(worker.url))
        assert {answer.status_code for answer in answers} <= {200, 429, 503}, "503: a machine that is too busy"
        for answer in answers:
            if answer.status_code == 200:
                page = answer.json()
                assert page["posts"] == [] and page["before"], "there is a position to go on from"
            else:
                assert int(answer.headers["Retry-After"]) > 0
                assert answer.status_code == 429 or "took too long" in answer.text
        assert any(answer.status_code != 200 for answer in answers), "some are refused"
        assert max(took) < 3.0, took
        for path in (PAGE, "/feeds/jalan", "/feeds/jalan?last=5", "/feeds/jalan?last_event_id=jalan@1:1"):
            label = f"{'&' if '?' in path else '?'}label=tiada"
            with httpx.Client(base_url=worker.url) as client:
                answer = client.get(path + label)
                assert answer.status_code == 400 and answer.json()["detail"].startswith("label is one of "), path
                assert client.head(path + label).status_code == 400
        with Stream(worker, "/feeds/jalan?label=unsure") as stream:
            assert stream.status == 200
