"""`tweetream record`: its file replays the same posts, and is complete however the recording ends."""

import asyncio
import bz2
import gzip
import json
import os
import pty
import random
import re
import resource
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.kafka.certificates import Authority
from support.networks.mastodon_server import MastodonServer, snowflake, status
from support.networks.x_server import TOKEN, XServer

from tweetream.cli import record
from tweetream.models.post import Post
from tweetream.sources.replay.source import Replay

COMMAND = [sys.executable, "-m", "tweetream", "record"]
ODD = 'quote " \\ tab \t line \r\n nul \x00 \u2028 \u200f🚧 é'
OLD = "Wed Oct 10 20:19:24 +0000 2018"
FORMS = [
    {"id_str": "1", "text": ODD, "user": {"screen_name": "a"}, "lang": "in", "created_at": OLD},
    {"delete": {"status": {"id": 1, "id_str": "1"}}},
    {"data": {"id": "2", "text": "a &amp; b", "created_at": "2019-06-04T23:12:08.123Z"}},
    {"data": [{"id": "3", "text": "halo"}, {"id": "4", "text": "dunia"}]},
    status(snowflake(1_700_000_000_000), "macet &lt;b&gt;", host="social.example"),
    {"event": "delete", "payload": snowflake(1_700_000_000_000)},
    {"text": "no id, no time"},
    {"limit": {"track": 5}},
    {"id": "x:9", "source": "x", "text": "ours", "author": "b", "url": "https://x.com/b/status/9", "lang": "id"},
    {"retracted": "x:9"},
    {"id": "x:9", "text": "said twice"},
]  # fmt: skip


def write(folder: Path, lines: list[object]) -> Path:
    path = folder / "said.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


async def everything(path: Path) -> tuple[list[Post], list[str]]:
    """The posts, with received_at 0, and the ids of deleted posts."""
    posts, gone = [], []
    async for chunk in Replay(f"replay:{path}?rate=0").chunks(None):
        posts += [msgspec.structs.replace(post, received_at=0) for post in chunk.posts]
        gone += chunk.retracted
    return posts, gone


def read(path: Path) -> tuple[list[Post], list[str]]:
    return asyncio.run(everything(path))


def names(folder: Path) -> list[str]:
    """The names of all files in the folder."""
    return [path.name for path in folder.iterdir()]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}


@asynccontextmanager
async def recording(
    source: str, out: Path, *more: str, number: int = signal.SIGTERM, **settings: str
) -> AsyncIterator[list[Any]]:
    """A recording, ended by a signal after the block. Then the list has its standard error and its status."""
    command = [*COMMAND, "--source", source, "--out", str(out), *more]
    process = await asyncio.create_subprocess_exec(*command, env=environment() | settings, stderr=subprocess.PIPE)
    said: list[Any] = []
    try:
        async with asyncio.timeout(30):
            yield said
            await asyncio.sleep(1.0)  # on a machine that has much to do
            if process.returncode is None:
                process.send_signal(number)
            _, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    said += [error.decode(), process.returncode]


@pytest.mark.parametrize("end, unpack", [("", bytes), (".gz", gzip.decompress), (".bz2", bz2.decompress)])
def test_it_replays_as_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str, unpack: Callable[[bytes], bytes]
) -> None:
    said, out = write(tmp_path, FORMS), tmp_path / f"capture.jsonl{end}"
    record.record(f"replay:{said}?rate=0", str(out), None)
    (posts, gone), (again, gone_again) = read(said), read(out)
    assert len(again) == 7 and gone_again == gone and len(gone) == 3
    assert again == posts[: len(again)] and None in {post.created_at for post in again}  # unknown times stay unknown
    assert unpack(out.read_bytes()).count(b"\n") == 10 and unpack(out.read_bytes()).isascii() is False
    error = capsys.readouterr().err
    counts = f"posts 7, deletions 3, left out 2 (duplicate 1, not_a_post 1), time_unknown 4, from replay:{said}?rate=0"
    assert error.startswith(f"tweetream: {counts}, in ") and error.count("\n") == 1


def test_a_capture_is_whole_after_each_write_without_being_closed(tmp_path: Path) -> None:
    for end, unpack in ((".gz", gzip.decompress), (".bz2", bz2.decompress), ("", bytes)):
        capture = record.Capture(str(tmp_path / f"a.jsonl{end}"))
        for number in range(3):
            capture.add(b"line %d" % number)
            capture.flush()
            lines = unpack(Path(capture.path).read_bytes()).splitlines()
            assert len(lines) == number + 1 == capture.kept
        capture.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_with_all_that_came_and_the_counts(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "a.jsonl.gz"
    async with MastodonServer() as server:
        url = f"mastodon://127.0.0.1:{server.port}?scheme=http"
        async with recording(url, out, number=number) as said:
            await server.wait(20)
            first, second = (status(snowflake(1_700_000_000_000, n), f"post {n}") for n in (1, 2))
            await server.post(first, second)
            await server.delete(first["id"])
    error, code = said
    assert code == 0 and error.count("\n") == 1
    assert error.startswith(f"tweetream: posts 2, deletions 1, left out 0, from {url}")
    lines = [json.loads(line) for line in gzip.decompress(out.read_bytes()).splitlines()]
    assert [line.get("text") for line in lines] == ["post 1", "post 2", None]
    assert lines[2] == {"retracted": lines[0]["id"]} and lines[0]["created_at"] == "2023-11-14T22:13:20.000Z"


async def test_over_tls_it_streams_from_a_server_whose_certificate_the_machine_trusts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key, _ = authority.issue("server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    cafile = str(authority.cafile)
    async with MastodonServer(token="secret", tls=tls) as server:
        # A server that sends us elsewhere in clear does not get our token in clear.
        server.instance = {"configuration": {"urls": {"streaming": f"ws://127.0.0.1:{server.port}"}}}
        url = f"mastodon://127.0.0.1:{server.port}"
        out = tmp_path / "a.jsonl"
        async with recording(url, out, SSL_CERT_FILE=cafile, TWEETREAM_MASTODON_TOKEN="secret") as said:
            await server.wait(20)
            await server.post(status("1", "safe"))
    assert said[1] == 0 and "posts 1," in said[0] and "secret" not in said[0]


async def test_of_x_it_asks_for_the_topics_named_or_for_those_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWEETREAM_X_BEARER_TOKEN", TOKEN)
    monkeypatch.setenv("TWEETREAM_TOPICS", "hujan")
    for topics, text in ((["macet", "bogor"], "macet"), (None, "hujan")):
        async with XServer() as server:
            capture = record.Capture(str(tmp_path / f"{text}.jsonl"))
            recorder = record.Recorder(record.opened(f"x:?api={server.url}", topics), capture)
            running = asyncio.create_task(recorder.run())
            async with asyncio.timeout(10):
                while not server.streams:
                    await asyncio.sleep(0.01)
                assert await server.post(text, number=42) and not await server.post("london")
                while not recorder.posts:
                    await asyncio.sleep(0.01)
                recorder.stop()
                await running
            capture.close()
        posts, _ = await everything(Path(capture.path))
        assert [(post.id, post.text) for post in posts] == [("x:42", text)]


def test_a_disk_that_is_full_is_one_line_and_what_was_written_stays(tmp_path: Path) -> None:
    chance = random.Random(4)
    said = write(tmp_path, [{"id": f"x:{n}", "text": chance.randbytes(500).hex()} for n in range(4000)])
    for end in (".jsonl", ".jsonl.gz"):
        out = tmp_path / f"full{end}"
        limit = 2_500_000 if end == ".jsonl" else 1_500_000
        process = subprocess.run(
            [*COMMAND, "--source", f"replay:{said}?rate=0", "--out", str(out)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
        )
        posts, _ = read(out)
        assert process.returncode == 2 and 1000 < len(posts) < 4000
        assert [post.id for post in posts] == [f"x:{n}" for n in range(len(posts))]
        whole = f"tweetream: {out} cannot be written: File too large; the {len(posts)} lines in it are complete\n"
        assert process.stderr == whole


def test_on_a_terminal_it_shows_how_far_it_is(tmp_path: Path) -> None:
    said = write(tmp_path, [{"text": f"post {n}"} for n in range(30)])
    ours, theirs = pty.openpty()
    command = [*COMMAND, "--source", f"replay:{said}?rate=20", "--out", str(tmp_path / "a.jsonl")]
    process = subprocess.Popen(command, env=environment(), stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait(20) == 0
    assert b" posts, " in shown and b"in the last minute, streaming" in shown
    assert shown.split(b"\x1b[K")[-1].startswith(b"tweetream: posts 30, deletions 0, left out 0")


@pytest.mark.parametrize(
    "source, out, topic, why",
    [
        ("nothing:", "a.jsonl", None, "source: unknown kind"),
        ("replay:/no/such/file.txt", "a.jsonl", None, "source: "),
        ("replay:{said}", "a.csv", None, "--out: the name must end in .jsonl, "),
        ("replay:{said}", "no/such/a.jsonl", None, "--out: .* cannot be written: No such file"),
        ("replay:{said}", "said.jsonl", None, "--out: .* exists"),
        ("replay:{said}", "a.jsonl", ["Not a name"], "topic: "),
    ],
)
def test_what_cannot_be_is_one_line_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, out: str, topic: list[str] | None, why: str
) -> None:
    said = write(tmp_path, [{"text": "a"}])
    before = said.read_bytes()
    with pytest.raises(SystemExit) as ended:
        record.record(source.replace("{said}", str(said)), str(tmp_path / out), topic)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("tweetream: ") and error.count("\n") == 1
    assert re.search(why, error)
    assert names(tmp_path) == ["said.jsonl"] and said.read_bytes() == before


async def test_a_source_that_refuses_leaves_no_file_and_says_what_to_do(tmp_path: Path) -> None:
    async with MastodonServer(token="secret") as server:
        url = f"mastodon://127.0.0.1:{server.port}?scheme=http"
        async with recording(url, tmp_path / "a.jsonl") as said:
            while not server.asked:
                await asyncio.sleep(0.02)
    assert said[1] == 1 and not names(tmp_path)
    assert "TWEETREAM_MASTODON_TOKEN" in said[0] and "Traceback" not in said[0]
