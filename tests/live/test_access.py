"""A worker with named tokens, closed reading, a port for its metrics and few topics: who gets what, what is told."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse
from playwright.sync_api import expect, sync_playwright
from support.browser.tab import launch, tab
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker, free_ports
from tweetream.models.token import NamedToken, Role, new_token

POSTS = 60
MOST = 3  # topics
LONG = "\ufdfa" * 100  # 100 characters that become 1,210 when they are normalised


class Desk:
    """The worker, its file of tokens, and a client for each role."""

    def __init__(self, worker: Worker, file: Path, tokens: dict[Role, tuple[str, NamedToken]], metrics: int) -> None:
        self.worker, self.file, self.metrics = worker, file, metrics
        self.clients = {
            role: httpx.Client(base_url=worker.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
            for role, (token, _) in tokens.items()
        }
        self._tokens = tokens
        self.edit, self.admin = self.clients[Role.EDIT], self.clients[Role.ADMIN]

    def token(self, role: Role) -> str:
        return self._tokens[role][0]

    def changes(self, **query: Any) -> list[tuple[str, ...]]:
        found = self.admin.get("/changes", params=query).raise_for_status().json()
        return [(one["what"], one["topic"], one["by"], one["from"]) for one in found]


def write(file: Path, *lines: NamedToken) -> None:
    file.write_text("".join(f"{line.line}\n" for line in lines))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("access")
    posts, file, port = folder / "posts.txt", folder / "tokens", free_ports(1)[0]
    posts.write_text("".join(f"{'hujan' if number % 2 else 'macet'} nomor {number}\n" for number in range(POSTS)))
    tokens = {role: new_token(f"desk-{role.name.lower()}", role) for role in Role}
    write(file, *(named for _, named in tokens.values()))
    settings = {
        "SOURCES": f"replay:{posts}?rate=0",
        "TOPICS": "tetap",
        "TOKENS": file,
        "READ": "token",
        "METRICS_PORT": port,
        "MAX_TOPICS": MOST,
        "PARTITIONS": 2,
    }
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, "access", folder, **settings) as (worker,):
        desk = Desk(worker, file, tokens, port)
        until(lambda: desk.edit.get("/topics/tetap").status_code == 200, 20, "the topic of the settings")
        yield desk
        for client in desk.clients.values():
            client.close()


def test_without_a_token_there_is_the_page_and_nothing_to_read(desk: Desk) -> None:
    for path, status in (("/", 200), ("/static/app.js", 200), ("/livez", 200), ("/topics", 401), ("/feeds/tetap", 401)):
        assert desk.worker.get(path) == status, path
    assert httpx.post(f"{desk.worker.url}/classify", json={"texts": ["x"]}).status_code == 401
    assert desk.worker.get("/metrics") == 404
    assert "tweetream_posts_read_total" in httpx.get(f"http://127.0.0.1:{desk.metrics}/metrics").text
    assert httpx.get(f"http://127.0.0.1:{desk.metrics}/topics").status_code == 404


def test_a_browser_reads_a_stream_by_its_cookie_and_changes_nothing_by_it(desk: Desk) -> None:
    with httpx.Client(base_url=desk.worker.url, timeout=30) as browser:
        begun = browser.post("/session", headers=desk.clients[Role.READ].headers)
        assert begun.status_code == 204 and "HttpOnly" in begun.headers["Set-Cookie"]
        with connect_sse(browser, "GET", "/feeds/tetap") as stream:
            assert stream.response.status_code == 200
        assert browser.delete("/topics/tetap").status_code == 401


def test_the_page_asks_for_the_token_once_and_then_reads_and_streams(desk: Desk, chromium: str) -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright, chromium)
        with tab(browser, desk.worker.url) as page:
            page.open("/#tetap").page.locator("#token-input").fill(desk.token(Role.READ))
            page.page.get_by_role("button", name="Unlock").click()
            page.wait_for_state("live")
            expect(page.page.locator('[data-topic="tetap"]')).to_be_visible()
            expect(page.page.locator("#token-dialog")).to_be_hidden()
            (cookie,) = page.page.context.cookies()
            assert cookie["httpOnly"] and desk.token(Role.READ) not in cookie["value"]
        browser.close()


def test_what_was_changed_stands_in_the_list_at_once_with_who_and_from_where(desk: Desk) -> None:
    before = desk.changes()
    assert before[0] == ("add", "tetap", "settings", socket.gethostname())
    assert desk.edit.post("/topics", json={"name": "jalan"}).status_code == 201
    assert desk.changes()[len(before) :] == [("add", "jalan", "desk-edit", "127.0.0.1")]
    assert desk.edit.post("/topics", json={"name": "jalan"}).status_code == 200, "nothing changes"
    assert desk.admin.delete("/topics/jalan").status_code == 204
    assert desk.changes()[len(before) + 1 :] == [("delete", "jalan", "desk-admin", "127.0.0.1")]
    assert desk.changes(last=1) == desk.changes()[-1:]
    assert "topic jalan: delete by desk-admin from 127.0.0.1" in desk.worker.log.read_text()
    assert desk.clients[Role.READ].post("/topics", json={"name": "x"}).status_code == 403
    for client in (desk.edit, desk.clients[Role.READ]):
        assert client.get("/changes").status_code == 403
    assert desk.admin.get("/changes?last=0").status_code == 400


def test_topics_are_bounded_in_number_and_in_what_they_track(desk: Desk) -> None:
    refused = desk.edit.post("/topics", json={"name": "panjang", "track": [LONG]})
    assert refused.status_code == 400 and "100 characters" in refused.json()["detail"]
    for number in range(MOST - 1):
        assert desk.edit.post("/topics", json={"name": f"t{number}"}).status_code == 201
    for _ in range(2):
        refused = desk.edit.post("/topics", json={"name": "lebih"})
        assert refused.status_code == 409 and "TWEETREAM_MAX_TOPICS" in refused.json()["detail"]
    assert desk.edit.post("/topics", json={"name": "t0"}).status_code == 200, "it is there"
    for number in range(MOST - 1):
        assert desk.edit.delete(f"/topics/t{number}").status_code == 204
    wide = [f"{'kata' * 24}{number:04}" for number in range(100)]  # with the topic that is there, too much
    refused = desk.edit.post("/topics", json={"name": "lebar", "track": wide})
    assert refused.status_code == 409 and "characters" in refused.json()["detail"]


def test_the_list_of_topics_comes_again_only_when_it_has_changed(desk: Desk) -> None:
    first = desk.edit.get("/topics")
    known = {"If-None-Match": first.headers["ETag"]}
    again = desk.edit.get("/topics", headers=known)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    desk.edit.post("/topics", json={"name": "baru"}).raise_for_status()
    assert desk.edit.get("/topics", headers=known).status_code == 200
    desk.edit.delete("/topics/baru").raise_for_status()


def test_a_dry_run_tells_what_would_match_and_makes_nothing(desk: Desk) -> None:
    def dry(**body: Any) -> Any:
        return desk.edit.post("/topics?dry_run=true", json=body).raise_for_status().json()

    until(lambda: dry(name="hujan")["matches"] == POSTS // 2, 20, "the posts of the file")
    found = dry(name="apa", track=["nomor 7", "MACET", "@nama"])
    assert found["matches"] == POSTS // 2 + 1
    assert len(found["posts"]) == 5 and all("macet" in post["text"] or "7" in post["text"] for post in found["posts"])
    (warning,) = found["warnings"]
    assert "@nama" in warning
    assert dry(name="tiada") == {"matches": 0, "posts": [], "warnings": []}
    assert [topic["name"] for topic in desk.edit.get("/topics").json()] == ["tetap"]
    for query in ("dryrun=true", "dry_run=1", "dry_run=true&dry_run=true"):
        assert desk.edit.post(f"/topics?{query}", json={"name": "x"}).status_code == 400
    assert desk.edit.post("/topics?dry_run=true", json={"name": "X"}).status_code == 400
    assert desk.clients[Role.READ].post("/topics?dry_run=true", json={"name": "x"}).status_code == 403
    statuses = {desk.edit.post("/topics?dry_run=true", json={"name": "X"}).status_code for _ in range(25)}
    assert 429 in statuses


def test_a_token_that_is_taken_away_or_added_counts_within_a_second(desk: Desk) -> None:
    """The last one here: the tokens of the others are gone after it."""
    token, named = new_token("baru", Role.ADMIN)
    write(desk.file, named)
    until(lambda: desk.admin.get("/topics").status_code == 403, 3, "the old token is wrong")
    fresh = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{desk.worker.url}/topics", headers=fresh).status_code == 200
    desk.file.write_text("nonsense\n")
    until(
        lambda: "the tokens known before stay" in desk.worker.log.read_text() or desk.admin.get("/topics") is None,
        5,
        "",
    )
    assert httpx.get(f"{desk.worker.url}/topics", headers=fresh).status_code == 200
