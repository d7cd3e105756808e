"""docs/alerts.md: its rule is the one that is checked, and its program hands each alert on once, as services ask."""

import json
import re
import smtplib
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.paths import DOCS
from typing_extensions import override

from tweetream.alerts import message, webhook
from tweetream.alerts.webhook import Outcome, Webhook
from tweetream.models.alert import FACTOR, LEAST, MINUTES, MOST_FACTOR, MOST_LEAST, MOST_MINUTES, Alert, AlertRule

TEXT = (DOCS / "alerts.md").read_text()
FLOWING = " ".join(TEXT.split())
PROGRAM = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
SECRET = "a-secret-of-the-tests"
SAID = "a new post in macet\nayu: macet total"
ALERT = Alert("macet@k3v1:7", json.dumps({"id": "macet@k3v1:7", "topic": "macet", "text": SAID}).encode(), 0)


def test_its_table_has_the_fields_of_a_rule_and_their_bounds() -> None:
    table = TEXT[TEXT.index("| field |") :].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(AlertRule.__struct_fields__)
    for field, most, default in (
        ("factor", MOST_FACTOR, FACTOR),
        ("minutes", MOST_MINUTES, MINUTES),
        ("least", MOST_LEAST, LEAST),
    ):
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{field}`")]
        assert f"{most:,.0f}" in row and row.endswith(f"default {default:g} |")


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"up to {message.MOST_POSTS}" in FLOWING and f"cut at {message.MOST_TEXT} characters" in FLOWING
    assert f"Answers of {', '.join(map(str, sorted(webhook._NEVER)[:-1]))} and 422 mean never" in FLOWING
    assert f"none in {webhook.TIMEOUT:g} s" in FLOWING and f"after {webhook.TIMEOUT + 1:g} s" in FLOWING


class Service(BaseHTTPRequestHandler):
    """Stands for Telegram, Slack and ntfy."""

    got: list[tuple[str, Any]] = []
    status = 200

    def do_POST(self) -> None:
        type(self).got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(type(self).status)
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None: ...


def serve(handler: type[BaseHTTPRequestHandler], send: object = None) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        server.send = send  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    Service.got, Service.status = [], 200
    for url in serve(Service):
        settings = {
            "TWEETREAM_ALERT_SECRET": SECRET,
            "TELEGRAM_API": url, "TELEGRAM_TOKEN": "7:x", "TELEGRAM_CHAT": "42",
            "SLACK_URL": f"{url}/services/T/B/x",
            "NTFY_URL": f"{url}/", "NTFY_TOPIC": "jalan",
            "SMTP_HOST": "mail.example", "MAIL_FROM": "a@mail.example", "MAIL_TO": "b@mail.example",
            "SMTP_USER": "a", "SMTP_PASSWORD": "p",
        }  # fmt: skip
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield url


@pytest.fixture
def program() -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "relay"}
    exec(compile(PROGRAM, "relay.py", "exec"), found)
    found["Relay"].log_message = lambda *_: None
    return found


async def deliver(program: dict[str, Any], kind: str, secret: str = SECRET, times: int = 1) -> list[Outcome | None]:
    for url in serve(program["Relay"], program["SENDERS"][kind]):
        outcomes = []
        for _ in range(times):
            hook = Webhook(url, secret)
            outcomes.append(await hook.send(ALERT))
            await hook.stop()
    return outcomes


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("telegram", ("/bot7:x/sendMessage", {"chat_id": "42", "text": SAID})),
        ("slack", ("/services/T/B/x", {"text": SAID})),
        ("ntfy", ("/", {"topic": "jalan", "title": "macet", "message": SAID})),
    ],
)
async def test_its_program_hands_an_alert_on_once_as_the_service_documents(
    service: str, program: dict[str, Any], kind: str, expected: object
) -> None:
    assert await deliver(program, kind, times=3) == [Outcome.DELIVERED] * 3
    assert Service.got == [expected]


async def test_its_program_sends_mail(service: str, program: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class Server:
        def __init__(self, *arguments: Any, **_: Any) -> None:
            calls.append(arguments)

        def __enter__(self) -> "Server":
            return self

        def __exit__(self, *_: object) -> None: ...

        def starttls(self) -> None:
            calls.append("TLS")

        def login(self, *arguments: str) -> None:
            calls.append(arguments)

        def send_message(self, sent: EmailMessage) -> None:
            calls.append((sent["From"], sent["To"], sent["Subject"], sent.get_content().strip()))

    monkeypatch.setattr(smtplib, "SMTP", Server)
    assert await deliver(program, "mail") == [Outcome.DELIVERED]
    mailed = ("a@mail.example", "b@mail.example", "a new post in macet", SAID)
    assert calls == [("mail.example", 587), "TLS", ("a", "p"), mailed]


async def test_its_program_takes_no_alert_of_a_stranger_and_lets_one_that_failed_come_again(
    service: str, program: dict[str, Any]
) -> None:
    assert await deliver(program, "slack", secret="another-secret-here") == [None]
    assert Service.got == []
    Service.status = 500
    assert await deliver(program, "slack") == [None]
    Service.status = 200
    assert await deliver(program, "slack") == [Outcome.DELIVERED]
    assert len(Service.got) == 2


def test_a_post_calls_nobody_and_hides_no_address_in_slack(service: str, program: dict[str, Any]) -> None:
    """Stops a post that pings a whole channel, or shows another address than it leads to."""
    program["SENDERS"]["slack"]({"text": "ayu: <!channel> <https://evil.example|bank> a & b"})
    said = "ayu: &lt;!channel&gt; &lt;https://evil.example|bank&gt; a &amp; b"
    assert Service.got == [("/services/T/B/x", {"text": said})]
