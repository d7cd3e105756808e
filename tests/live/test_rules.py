"""Rules that REST keeps: what was answered can be read at once, and no page of another site changes anything here."""

import contextlib
import hmac
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from playwright.sync_api import Page, sync_playwright
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.settings import Settings
from tweetream.web.auth import authorize_change
from tweetream.web.problems import Problem

TOKEN = "a-token-of-the-tests"
ALLOWED = "https://desk.example.org"
ATTACKER = "http://attacker.example"
BODY = b'{"name": "serangan"}'


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker without a token, with an allowed origin and the topic `tetap`."""
    folder = tmp_path_factory.mktemp("rules")
    settings = {"TOPICS": "tetap", "CORS_ORIGINS": ALLOWED}
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, "rules", folder, **settings) as group:
        until(lambda: "tetap" in group[0].topics(), 20, "the topic of the settings")
        yield group[0]


def test_what_a_worker_has_answered_it_shows_at_once(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    with workers(2, apache_kafka.url, namespace, tmp_path) as group:
        for number in range(10):
            worker, name = group[number % 2], f"baca-{number}"
            assert httpx.post(f"{worker.url}/topics", json={"name": name}, timeout=30).status_code == 201
            assert name in worker.topics()
            assert worker.get(f"/topics/{name}/posts") == 200
            assert httpx.head(f"{worker.url}/feeds/{name}").status_code == 200
            assert httpx.delete(f"{worker.url}/topics/{name}", timeout=30).status_code == 204
            assert name not in worker.topics()
            assert worker.get(f"/topics/{name}") == 404
            assert worker.get(f"/feeds/{name}") == 204


def test_adding_and_deleting_twice_does_no_harm(worker: Worker) -> None:
    first = httpx.post(f"{worker.url}/topics", json={"name": "dua"}, timeout=30)
    again = httpx.post(f"{worker.url}/topics", json={"name": "dua"}, timeout=30)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    gone = [httpx.delete(f"{worker.url}/topics/dua", timeout=30).status_code for _ in range(2)]
    assert gone == [204, 404]


@pytest.mark.parametrize("given", [TOKEN, TOKEN[:-1] + "x", "x" + TOKEN[1:], "x", "", TOKEN * 2])
def test_every_token_is_compared_in_constant_time(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one function that is made for it, whole, however little of it is right."""
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    request: web.Request = make_mocked_request("DELETE", "/topics/x", {"Authorization": f"Bearer {given}"})
    with contextlib.nullcontext() if given == TOKEN else pytest.raises(Problem):
        authorize_change(request, Settings(api_token=TOKEN))
    assert compared == [(given.encode(), TOKEN.encode())]


def test_without_a_token_in_the_settings_no_token_is_right(
    tmp_path: Path, namespace: str, embedded_broker: EmbeddedBroker
) -> None:
    with workers(1, embedded_broker.url, namespace, tmp_path) as (worker,):
        for given in ("Bearer", "Bearer x", "Basic Og=="):
            answer = httpx.post(f"{worker.url}/topics", content=BODY, headers={"Authorization": given})
            assert answer.status_code == 403
        assert worker.topics() == {}


TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ATTACKER},
        {"Origin": "null"},
        {"Origin": "http://localhost"},  # another server of this machine
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "file://"},
        {"Host": "attacker.example", "Origin": ATTACKER},
        {"Host": "attacker.example"},
        {"Host": "localhost.attacker.example", "Origin": "http://localhost.attacker.example"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Host": "localhost@attacker.example"},
        {"Host": "0.0.0.0"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
        {"X-Forwarded-Proto": "http"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 relay"},
    ],
    ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()),
)
def test_what_did_not_come_from_here_adds_nothing_whatever_it_calls_itself(
    worker: Worker, headers: dict[str, str], kind: str
) -> None:
    answer = httpx.post(f"{worker.url}/topics", content=BODY, headers={**headers, "Content-Type": kind})
    assert answer.status_code in (401, 403)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert worker.get("/topics/serangan") == 404


@pytest.mark.parametrize("wanted", ["last-event-id", "authorization", "content-type, authorization"])
def test_a_preflight_of_an_allowed_origin_passes_and_another_gets_nothing(worker: Worker, wanted: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": wanted}
    answer = httpx.options(f"{worker.url}/feeds/tetap", headers={**asked, "Origin": ALLOWED})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert answer.headers["Vary"] == "Origin"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert set(wanted.split(", ")) <= set(allowed)
    for origin in (ATTACKER, "null", ALLOWED.upper(), f"{ALLOWED}.attacker.example"):
        refused = httpx.options(f"{worker.url}/feeds/tetap", headers={**asked, "Origin": origin})
        assert refused.status_code == 403
        assert not [name for name in refused.headers if name.startswith("access-control")]
        assert refused.headers["Vary"] == "Origin"


def test_a_stream_says_whose_pages_may_read_it(worker: Worker) -> None:
    for origin, allowed in ((ALLOWED, ALLOWED), (ATTACKER, None)):
        with httpx.stream("GET", f"{worker.url}/feeds/tetap", headers={"Origin": origin}) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
            assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 50_000_000])
def test_a_body_that_is_too_large_is_413_whether_or_not_its_size_was_told(worker: Worker, size: int) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(0, size, 65_536):
            yield b" " * 65_536

    for body in (b" " * size, pieces()):
        try:
            answer = httpx.post(f"{worker.url}/topics", content=body, timeout=30)
        except httpx.WriteError:
            continue  # the worker has answered and closed before all was sent
        assert answer.status_code == 413
    assert worker.get("/livez") == 200


ATTACK = """
<iframe name="sink"></iframe>
<form id="form" method="post" target="sink" enctype="text/plain">
<input name='{"name": "serangan", "track": ["' value='"]}'>
</form>
"""


@pytest.fixture
def foreign_page(chromium: str, tmp_path: Path) -> Iterator[Page]:
    """A browser of this machine on a page of another site; `rebound.example` is an attacker's name for this machine."""
    (tmp_path / "attack.html").write_text(ATTACK)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    resolve = "--host-resolver-rules=MAP attacker.example 127.0.0.1, MAP rebound.example 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", resolve])
        page = browser.new_page()
        page.goto(f"{ATTACKER}:{server.server_port}/attack.html")
        yield page
        browser.close()
    server.shutdown()
    server.server_close()


def test_no_page_of_another_site_changes_topics_through_a_visitors_browser(worker: Worker, foreign_page: Page) -> None:
    send = """async ([url, method, mode, type, body]) => {
        try { return (await fetch(url, { method, mode, body, headers: { "Content-Type": type } })).status; }
        catch { return "nothing"; }
    }"""
    topics, body = f"{worker.url}/topics", BODY.decode()
    assert foreign_page.evaluate(send, [topics, "POST", "no-cors", "text/plain", body]) in (0, "nothing")
    assert foreign_page.evaluate(send, [topics, "POST", "cors", "application/json", body]) == "nothing"
    assert foreign_page.evaluate(send, [f"{topics}/tetap", "DELETE", "cors", "text/plain", None]) == "nothing"
    with foreign_page.expect_response(topics) as answered:
        foreign_page.evaluate("url => { form.action = url; form.submit(); }", topics)
    assert answered.value.status == 403
    foreign_page.goto(f"http://rebound.example:{worker.port}/livez")  # now its own pages are those of the worker
    for address, method, content in (("/topics", "POST", body), ("/topics/tetap", "DELETE", None)):
        assert foreign_page.evaluate(send, [address, method, "cors", "text/plain", content]) == 403
    for address in ("/topics", "/topics/tetap/posts", "/feeds/tetap", "/sources", "/"):
        assert foreign_page.evaluate(send, [address, "GET", "cors", "text/plain", None]) == 403
    assert set(worker.topics()) == {"tetap"}
