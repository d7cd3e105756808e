"""A receiver of alerts as docs/alerts.md describes one: it checks the signature, and takes each id once."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a-secret-of-the-tests"


class AlertReceiver(ThreadingHTTPServer):
    """`alerts` are those that it took, `came` counts how often each id came well signed, `bad` what came otherwise."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        self.alerts: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, set[bytes]] = {}
        self.came: Counter[str] = Counter()
        self.bad: list[str] = []
        self.busy: set[str] = set()  # ids that have come and have no answer yet
        self.status: Callable[[], int] = lambda: 204
        self.before_answer: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def handle_error(self, *_: Any) -> None:
        """A worker that is killed leaves its connection."""

    def take(self, headers: Any, body: bytes) -> int:
        id, at = headers["webhook-id"], headers["webhook-timestamp"]
        digest = hmac.digest(SECRET.encode(), f"{id}.{at}.".encode() + body, hashlib.sha256)
        signed = headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        with self._lock:
            if not signed or abs(time.time() - int(at)) > 60:
                self.bad.append(id)
                return 401
            status = self.status()
            if status == 204:
                self.came[id] += 1
                self.bodies.setdefault(id, set()).add(body)
                self.alerts.setdefault(id, json.loads(body))
            return status


class _Handler(BaseHTTPRequestHandler):
    server: AlertReceiver

    def do_POST(self) -> None:
        id = self.headers["webhook-id"]
        self.server.busy.add(id)
        status = self.server.take(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
        self.server.before_answer()
        self.send_response(status)
        self.end_headers()
        self.server.busy.discard(id)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def alert_receiver() -> Iterator[AlertReceiver]:
    with AlertReceiver() as receiver:
        threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True).start()
        yield receiver
        receiver.shutdown()
