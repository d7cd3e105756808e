"""Another package adds a source by an entry point; a fault in it is one line.

A worker with such a source is in `tests/live/test_failing_sources.py`.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from support.networks.lines_server import install

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post
from tweetream.settings import Settings
from tweetream.sources import open_source
from tweetream.sources.base import MAX_TEXT, Chunk, Context, SourceError
from tweetream.sources.plugins import HOUR, PluginSource

CONTEXT = Context(Settings(), dict)
Guest = Callable[[str], PluginSource]
BROKEN = """
class Source:
    def __init__(self, url, context): self.url = url
    def check(self): raise OSError("no card reader\\nis there")
    async def chunks(self, position): yield None

def fails(url, context): return 1 / 0
def refuses(url, context):
    from tweetream.sources import SourceError
    raise SourceError("write guest:NAME")
def nothing(url, context): return None
number = 5
"""


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guest:
    """Opens `guest:` with this entry point."""

    def opened(value: str) -> PluginSource:
        (tmp_path / "guest_module.py").write_text(BROKEN)
        (tmp_path / "guest_syntax.py").write_text("def (")
        monkeypatch.syspath_prepend(install(tmp_path, "guest", f"[tweetream.sources]\nguest = {value}\n"))
        monkeypatch.delitem(sys.modules, "guest_module", raising=False)
        source = open_source("guest:", CONTEXT)
        assert isinstance(source, PluginSource)
        return source

    return opened


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("guest_absent:make", "ModuleNotFoundError: No module named 'guest_absent'"),
        ("guest_syntax:make", "SyntaxError"),
        ("guest_module:absent", "AttributeError"),
        ("guest_module:number", "TypeError: 'int' object is not callable"),
        ("guest_module:fails", "ZeroDivisionError: division by zero"),
        ("guest_module:nothing", "NoneType, which has no chunks()"),
        ("guest_module:refuses", "write guest:NAME"),
        ("guest_module:Source", "no card reader is there"),
    ],
)
def test_what_is_broken_in_another_package_is_one_line(guest: Guest, value: str, words: str) -> None:
    with pytest.raises(SourceError) as error:
        guest(value).check()
    assert words in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 300


@pytest.mark.process
def test_a_worker_whose_source_is_broken_says_so_in_one_line_and_ends_with_2(tmp_path: Path) -> None:
    folder = install(tmp_path, "guest", "[tweetream.sources]\nguest = guest_absent:make\n")
    worker = [sys.executable, "-m", "tweetream", "worker"]
    ended = subprocess.run(worker, env=environment(folder), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1 and "No module named 'guest_absent'" in ended.stderr, ended.stderr


def environment(folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path, "TWEETREAM_SOURCES": "guest:"}


def test_the_names_of_other_packages_sources_are_known_and_do_not_replace_ours(guest: Guest) -> None:
    source = guest("guest_module:Source")
    assert source.url == "guest:" and source.unpaced is False
    with pytest.raises(SourceError, match="guest:, .*replay:"):
        open_source("unknown:", CONTEXT)


def test_a_url_that_cannot_be_printed_is_refused(guest: Guest) -> None:
    guest("guest_module:Source")
    with pytest.raises(SourceError, match="percent-encode"):
        open_source("guest:caf\udce9", CONTEXT)


async def test_invalid_posts_and_chunks_of_another_package_go_no_further(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = guest("guest_module:Source")
    now = 1_800_000_000_000
    good = Post("g:1", "g", "one", now, now)
    chunks: list[Any] = []

    async def given(position: str | None) -> AsyncGenerator[Any, None]:
        for chunk in chunks:
            yield chunk

    monkeypatch.setattr(source._source, "chunks", given)
    bad: list[Post] = [
        Post("g:2", "g", "half of a pair: \ud83d", now, now),
        Post("g:3", "g", None, now, now),  # type: ignore[arg-type]
        Post("", "g", "no id", now, now),
        Post("g:4", "g", "x" * 70_000, now, now),
        Post("g:5", "g", "when", 2**70, now),
        "no post",  # type: ignore[list-item]
        *(Post("g:7", "g", "large", now, now, **{field: "x" * 3000}) for field in ("url", "author", "lang")),
        Post("g:8", "g" * 3000, "large", now, now),
    ]
    chunks[:] = [Chunk([bad[0], good, *bad[1:]], "p", Counter({Drop.BLANK: 1}))]
    [chunk] = [chunk async for chunk in source.chunks(None)]
    assert [post.id for post in chunk.posts] == ["g:1"] and chunk.position == "p"
    assert chunk.dropped == {Drop.BLANK: 1, Drop.MALFORMED: len(bad)}
    chunks[:] = [Chunk([Post("g:6", "g", "late", 5, 2**62, "javascript:alert(1)")], "")]
    [chunk] = [chunk async for chunk in source.chunks(None)]
    [post] = chunk.posts
    assert post.created_at is None and post.received_at < now + 100 * 365 * 24 * HOUR and post.url == ""
    large = "x" * 5000
    uncountable = Chunk([good], "p", Counter({Drop.BLANK: -1}))
    for wrong in (None, [good], Chunk([good], 5), Chunk([good], large), Chunk([], "p", retracted=[large]), uncountable):  # type: ignore[arg-type]
        chunks[:] = [wrong]
        with pytest.raises((TypeError, ValueError)):
            _ = [chunk async for chunk in source.chunks(None)]


async def test_a_chunk_over_the_limits_is_split_and_only_its_end_has_the_position(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = guest("guest_module:Source")
    large = "é" * (MAX_TEXT // 2)
    texts = ["short"] * (2 * MAX_POSTS + 1) + [large] * 9
    posts = [Post(f"g:{number}", "g", text, 1, 1) for number, text in enumerate(texts)]

    async def given(position: str | None) -> AsyncGenerator[Chunk, None]:
        yield Chunk(posts, "p", Counter({Drop.BLANK: 1}), ["g:x"])

    monkeypatch.setattr(source._source, "chunks", given)
    chunks = [chunk async for chunk in source.chunks(None)]
    assert [post.id for chunk in chunks for post in chunk.posts] == [post.id for post in posts]
    assert all(len(chunk.posts) <= MAX_POSTS for chunk in chunks)
    assert all(sum(len(post.text.encode()) for post in chunk.posts) <= MAX_BYTES for chunk in chunks)
    assert [(chunk.position, chunk.retracted, chunk.dropped) for chunk in chunks] == [
        *[("", [], {})] * (len(chunks) - 1),
        ("p", ["g:x"], {Drop.BLANK: 1}),
    ]
