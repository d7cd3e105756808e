"""The page and its API below a path that a proxy gives them: nginx, `location /tweetream/`."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from httpx_sse import connect_sse
from playwright.sync_api import Browser, expect
from support.browser.tab import tab
from support.kafka.post_writer import PostWriter, post
from support.nginx import Nginx
from support.sse import events_of
from support.waiting import until
from support.workers import Worker


@pytest.fixture
def proxied(nginx: str, worker: Worker, tmp_path: Path) -> Iterator[Nginx]:
    with Nginx(nginx, tmp_path, worker.port) as proxy:
        yield proxy


def test_the_page_works_below_a_path_and_asks_for_nothing_outside_it(
    browser: Browser, proxied: Nginx, worker: Worker, posting: PostWriter
) -> None:
    with tab(browser, proxied.origin) as visitor:
        page = visitor.open("/tweetream").page  # nginx adds the slash
        page.get_by_label("Name").fill("jalan")
        page.get_by_role("button", name="Add topic").click()
        expect(page.locator("#feed-title")).to_have_text("jalan")
        assert page.url == f"{proxied.url}/#jalan"
        wanted = posting.write(post("jalan satu"), post("jalan dua"))
        visitor.wait_for_post(wanted[-1])
        page.locator("#filter-text").fill("dua")
        page.wait_for_url(f"{proxied.url}/?q=dua#jalan")
        page.reload()  # a link that was shared
        visitor.wait_for_post(wanted[-1])
        assert visitor.ids() == [wanted[-1]]
        assert visitor.requests and all(path.startswith("/tweetream") for path in visitor.requests)
        assert {"feeds", "topics", "sources", "static"} <= {path.split("/")[2] for path in visitor.requests[1:]}


def test_the_api_works_below_a_path(proxied: Nginx, topic: str, posting: PostWriter) -> None:
    (id,) = posting.write(post(topic))
    page = f"{proxied.url}/topics/{topic}/posts"
    until(lambda: [one["id"] for one in httpx.get(page, timeout=20).json()["posts"]] == [id], 20, "the post")
    with (
        httpx.Client(timeout=20) as client,
        connect_sse(client, "GET", f"{proxied.url}/feeds/{topic}?last=1") as source,
    ):
        assert json.loads(next(events_of(source)).data)["id"] == id
    moved = httpx.get(f"{proxied.url}/topics/{topic}/?x", timeout=10)
    assert (moved.status_code, urljoin(str(moved.url), moved.headers["Location"])) == (
        308,
        f"{proxied.url}/topics/{topic}?x",
    )
    assert httpx.get(f"{proxied.url}/topics/{topic}/", timeout=10, follow_redirects=True).json()["name"] == topic
    document = httpx.get(f"{proxied.url}/openapi.json", timeout=10)
    server = urljoin(str(document.url), document.json()["servers"][0]["url"])
    assert httpx.get(f"{server.rstrip('/')}/topics", timeout=10).json()[0]["name"] == topic
    known = {"If-None-Match": httpx.get(f"{proxied.url}/", timeout=10).headers["ETag"]}
    assert httpx.get(f"{proxied.url}/", headers=known, timeout=10).status_code == 304
