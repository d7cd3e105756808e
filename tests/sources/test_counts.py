"""A source and a recording say how many posts were dropped, by reason: a file of malformed lines does not just end."""

import asyncio
from pathlib import Path

import pytest

from tweetream.cli import record
from tweetream.sources.base import Chunk
from tweetream.sources.replay.source import Replay
from tweetream.sources.status import State, Status
from tweetream.sources.supervisor import Supervisor


async def status_of(path: Path, last: Status | None = None) -> tuple[Status, Status]:
    """The status of a replay after its first chunk, and at its end."""
    supervisor = Supervisor(Replay(f"replay:{path}?rate=0"), last=last)
    seen: list[Status] = []

    async def take(_: Chunk) -> None:
        seen.append(supervisor.status)

    await supervisor.run(None, take)
    return seen[0], supervisor.status


async def test_a_file_of_nothing_but_malformed_lines_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("not json\n" * 1234)
    first, end = await status_of(path)
    assert (first.state, first.reason) == (State.STREAMING, "0 posts, 400 malformed")
    assert (end.state, end.reason) == (State.ENDED, "ended: 0 posts, 1,234 malformed")


async def test_each_reason_is_said_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,text,time\n5,Café,2026-01-05\n5,banjir,?\n6\n\n".encode("latin-1"))
    _, end = await status_of(path)
    assert end.reason == "ended: 2 posts, 1 blank, 1 malformed, 1 not_in_encoding, 1 same_id, 1 time_unknown"
    _, again = await status_of(path, last=end)  # another worker goes on counting
    assert again.reason.startswith("ended: 4 posts, 2 blank, 2 malformed")


async def test_a_file_without_faults_has_nothing_to_say_and_an_empty_one_has(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("macet\n\n")
    first, end = await status_of(path)
    assert (first.reason, end.reason) == ("", "")
    path.write_text("")
    supervisor = Supervisor(Replay(f"replay:{path}?rate=0"))

    async def take(_: Chunk) -> None: ...

    await supervisor.run(None, take)
    assert supervisor.status.reason == "ended: 0 posts"


def test_a_recording_says_at_its_end_what_was_left_out_and_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = tmp_path / "posts.csv"
    said.write_text("id;isi\n5;macet\n5;banjir\n6\n7;hujan\n7;hujan\n")
    record.record(f"replay:{said}?rate=0", str(tmp_path / "a.jsonl"), None)
    lines = capsys.readouterr().err.splitlines()
    counts = "posts 3, deletions 0, left out 2 (duplicate 1, malformed 1), time_unknown 3, same_id 1"
    assert lines[-1].startswith(f"tweetream: {counts}, from replay:")
    assert asyncio.run(_texts(tmp_path / "a.jsonl")) == ["macet", "banjir", "hujan"]


async def _texts(path: Path) -> list[str]:
    return [post.text async for chunk in Replay(f"replay:{path}?rate=0").chunks(None) for post in chunk.posts]
