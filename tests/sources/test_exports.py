"""Each export of tests/sources/exports gives the posts of its list, and the docs have the list."""

import asyncio
from pathlib import Path

import pytest
from support.networks.exports import EXPORTS, FOLDER, Export, Read, table, written

from tweetream.cli import record
from tweetream.models.drop import Drop
from tweetream.models.feed import rfc3339
from tweetream.models.post import Post
from tweetream.sources.replay.source import Replay

every_export = pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.file)


def url(path: Path, query: str = "") -> str:
    return f"replay:{path}?{'&'.join(filter(None, ('rate=0', query)))}"


async def posts_of(address: str) -> list[Post]:
    return [
        post async for chunk in Replay(address, wall=lambda: 1_800_000_000_000).chunks(None) for post in chunk.posts
    ]


@every_export
async def test_an_export_gives_these_posts_and_drops_nothing_but_what_is_no_post(export: Export) -> None:
    found = []
    async for chunk in Replay(url(FOLDER / export.file, export.query)).chunks(None):
        found += chunk.posts
        assert not chunk.dropped.keys() - {Drop.NOT_A_POST}
    assert [
        Read(p.id, p.text, "" if p.created_at is None else rfc3339(p.created_at), p.author, p.url, p.lang)
        for p in found
    ] == export.posts


@every_export
def test_a_recording_of_an_export_gives_equal_posts(export: Export, tmp_path: Path) -> None:
    address, out = url(FOLDER / export.file, export.query), tmp_path / "a.jsonl"
    record.record(address, str(out), None)
    again = asyncio.run(posts_of(url(out)))
    assert again == asyncio.run(posts_of(address)) and len(again) == len(export.posts)


def test_every_export_is_in_the_list_and_the_docs_have_it() -> None:
    assert {export.file for export in EXPORTS} == {path.name for path in FOLDER.iterdir()}
    assert written() == table(), "run: python tests/support/networks/exports.py"
