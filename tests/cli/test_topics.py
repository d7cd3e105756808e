"""`tweetream topics` and `tweetream token`: where the token comes from, and where it never goes."""

import gc
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tweetream.models.token import Role, hash_of, parse_tokens, read_key

Run = Callable[..., CompletedProcess[bytes]]
TOKEN = "a-token-of-the-tests"


class Server(ThreadingHTTPServer):
    """Stands for a worker: it answers all calls in the same way, and writes down what it was asked with which token."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), Handler)
        self.status, self.body, self.location = 200, b"[]", ""
        self.asked: list[tuple[str, str, str | None]] = []
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization")))
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_the_token_comes_from_the_environment_or_a_file(tweetream: Run, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    for options in ((), ("--token-file", file), ("--token", TOKEN)):
        assert tweetream("topics", "list", "--url", server.url, *options, API_TOKEN=TOKEN).returncode == 0
    assert tweetream("topics", "list", "--url", server.url).returncode == 0
    assert tweetream("topics", "list", "--url", server.url, "--token-file", file, API_TOKEN="x").returncode == 0
    assert [token for _, _, token in server.asked] == [*[f"Bearer {TOKEN}"] * 3, None, f"Bearer {TOKEN}"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("verb", [("list",), ("add", "x"), ("edit", "x", "--track", "y"), ("delete", "x")])
def test_no_redirect_is_followed_and_one_line_says_where_it_leads(
    tweetream: Run, server: Server, status: int, verb: tuple[str, ...]
) -> None:
    """Against a name that leads to a stranger's server: it must not get the token."""
    with Server() as stranger:
        threading.Thread(target=stranger.serve_forever, args=(0.01,), daemon=True).start()
        server.status, server.location = status, f"{stranger.url}/topics"
        done = tweetream("topics", *verb, "--url", server.url, API_TOKEN=TOKEN)
        stranger.shutdown()
        assert (done.returncode, done.stdout, stranger.asked) == (2, b"", [])
        assert done.stderr.startswith(b"tweetream: ") and done.stderr.count(b"\n") == 1
        assert f"redirects to {stranger.url}/topics".encode() in done.stderr


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "http://a.example/\x1b[2J", "//[", "ftp://a.example"])
def test_a_strange_redirect_is_one_line_too(tweetream: Run, server: Server, location: str) -> None:
    server.status, server.location = 302, location
    done = tweetream("topics", "list", "--url", server.url)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1 and b"\x1b" not in done.stderr
    assert done.stderr.startswith(b"tweetream: ")
    gc.collect()  # a connection that was left open would warn here


def test_edit_sends_all_words_that_a_topic_shall_track(tweetream: Run, server: Server) -> None:
    server.body = b'{"name": "macet", "track": ["banjir", "tol"]}'
    for words in (("--track", "tol", "banjir"), ("--track", "tol", "--track", "banjir")):
        done = tweetream("topics", "edit", "macet", *words, "--url", server.url)
        assert (done.returncode, done.stdout) == (0, b"macet: banjir, tol\n")
        assert server.asked.pop() == ("PATCH", "/topics/macet", None)
        assert server.bodies.pop() == b'{"track": ["tol", "banjir"]}'
    assert tweetream("topics", "edit", "macet", "--url", server.url).returncode == 2
    assert server.asked == [], "an edit without words asks for nothing"


def test_add_takes_words_as_edit_does_and_an_address_as_curl_does(tweetream: Run, server: Server) -> None:
    server.body = b'{"name": "dki", "track": ["jkt", "jakarta selatan"]}'
    address = server.url.removeprefix("http://")
    done = tweetream("topics", "add", "dki", "--track", "jkt", "jakarta selatan", "--url", address)
    assert (done.returncode, done.stdout) == (0, b"dki: jkt, jakarta selatan\n")
    assert json.loads(server.bodies.pop()) == {"name": "dki", "track": ["jkt", "jakarta selatan"]}


def test_what_a_server_says_moves_no_cursor(tweetream: Run, server: Server) -> None:
    server.status, server.body = 403, b'{"detail": "no\\u001b[2J\\nyes"}'
    assert tweetream("topics", "list", "--url", server.url).stderr == b"tweetream: 403: no?[2J?yes\n"


def test_no_answer_of_a_server_moves_the_cursor_or_ends_in_a_traceback(tweetream: Run, server: Server) -> None:
    """Against a stranger's server at the address of a worker: codes in names, wrong types, deep JSON."""
    server.body = b'[{"name": "\\u001b[2Ja", "posts": {"\\u009b1m": 1}, "track": ["\\u0007"]}]'
    done = tweetream("topics", "list", "--url", server.url)
    assert (done.returncode, done.stdout.split()) == (0, [b"?[2Ja", b"?1m", b"1", b"?"])
    for server.status in (200, 500):
        for server.body in (b"null", b'{"a": 1}', b'[{"name": 1, "track": [], "posts": {"a": "x"}}]', b"[" * 100_000):
            done = tweetream("topics", "list", "--url", server.url)
            assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), server.body[:20]
    assert tweetream("topics", "add", "a", "--url", server.url).stderr.count(b"\n") == 1


def test_a_token_that_cannot_be_one_is_refused_and_not_shown(tweetream: Run, server: Server, tmp_path: Path) -> None:
    (tmp_path / "two").write_text(f"{TOKEN}\nmore\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    for name in ("two", "empty", "bytes", "missing"):
        done = tweetream("topics", "list", "--url", server.url, "--token-file", tmp_path / name)
        assert done.returncode == 2 and done.stderr.count(b"\n") == 1
        assert TOKEN.encode() not in done.stderr
    assert tweetream("topics", "list", "--token", f"{TOKEN} x").returncode == 2
    assert server.asked == []


def test_a_token_in_a_file_that_everybody_can_read_is_used_and_warned_of(
    tweetream: Run, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    for mode, lines in ((0o600, 0), (0o644, 1)):
        file.chmod(mode)
        done = tweetream("topics", "list", "--url", server.url, "--token-file", file)
        assert (done.returncode, done.stderr.count(b"\n")) == (0, lines) and TOKEN.encode() not in done.stderr
    assert b"chmod 600" in done.stderr


def test_help_says_that_a_token_in_the_arguments_is_seen(tweetream: Run) -> None:
    shown = b" ".join(tweetream("topics", "add", "--help").stdout.split())
    assert b"everybody on this machine then sees (ps)" in shown and b"TWEETREAM_API_TOKEN" in shown


def test_a_new_tokens_line_goes_to_the_file_and_the_token_does_not(tweetream: Run) -> None:
    done = tweetream("token", "ayu", "--role", "admin")
    (named,) = parse_tokens(done.stdout.decode())
    token = done.stderr.split()[-1]
    assert (named.name, named.role, named.hash) == ("ayu", Role.ADMIN, hash_of(read_key(token)))
    assert token not in done.stdout
    assert parse_tokens(tweetream("token", "budi").stdout.decode())[0].role is Role.EDIT
    for wrong in (("a b",), ("settings",), ("x", "--role", "root")):
        assert tweetream("token", *wrong).returncode == 2


class Server6(Server):
    address_family = socket.AF_INET6


def test_a_worker_with_an_ipv6_address_or_below_a_path_is_reached(tweetream: Run) -> None:
    with Server6("::1") as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for below in ("", "/", "/tweetream/"):
            url = f"http://[::1]:{server.server_port}{below}"
            assert tweetream("topics", "list", "--url", url).returncode == 0
        assert [path for _, path, _ in server.asked] == ["/topics", "/topics", "/tweetream/topics"]
        server.shutdown()
    for wrong in ("http://::1:6066", "::1", "localhost:6066"):
        done = tweetream("topics", "list", "--url", wrong)
        assert done.returncode == 2 and done.stderr.startswith(b"tweetream: ") and done.stderr.count(b"\n") == 1
