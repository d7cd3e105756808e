"""An id is believed only if it can be one, and never costs a post."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tweetream.ingest.batcher import Batcher
from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.settings import Settings
from tweetream.sources.base import Context, Note
from tweetream.sources.replay import source as module
from tweetream.sources.replay.ids import id_in_file, names
from tweetream.sources.replay.source import Replay

LINE = "replay:a.csv:7"


@pytest.mark.parametrize(
    "written, id",
    [
        ("5", "replay:a.csv:#5"),
        (" 1600000000000000003 ", "replay:a.csv:#1600000000000000003"),
        ('="1600000000000000003"', "replay:a.csv:#1600000000000000003"),
        ("'1600000000000000003", "replay:a.csv:#1600000000000000003"),
        ("63a1-b", "replay:a.csv:#63a1-b"),
        ("x:123", "x:123"),
        ("at://did:plc:a/app.bsky.feed.post/3l", "at://did:plc:a/app.bsky.feed.post/3l"),
    ]
    + [(bad, "") for bad in ("1.60000E+18", "1,6E+18", "1.6e18", "1600000000000000000", "1600000000000000003.0")]
    + [(bad, "") for bad in ("nan", "NaN", "None", "null", "", " ", "#N/A", "#####", "-", "undefined", "a\x00b")],
)
def test_an_id_that_cannot_be_one_is_not_used(written: str, id: str) -> None:
    assert id_in_file(written, LINE) == id


def test_an_id_is_xs_only_in_an_export_of_x_and_not_if_it_counts_rows() -> None:
    assert id_in_file("1600000000000000003", LINE, of_x=True) == "x:1600000000000000003"
    assert id_in_file("17", LINE, of_x=True) == "replay:a.csv:#17"


def test_a_file_is_called_by_as_much_of_its_path_as_tells_it_from_the_others() -> None:
    assert names(["/a/posts.csv"]) == {"/a/posts.csv": "posts.csv"}
    assert names(["/a/posts.csv", "/b/posts.csv", "c.csv"]) == {
        "/a/posts.csv": "a/posts.csv",
        "/b/posts.csv": "b/posts.csv",
        "c.csv": "c.csv",
    }
    assert names(["/a/x/p", "/b/x/p", "/b/x/p"]) == {"/a/x/p": "a/x/p", "/b/x/p": "b/x/p"}


async def read(*sources: Replay) -> tuple[list[Post], Counter[Drop], Counter[Note]]:
    """The posts that a worker sends of these sources, what it drops, and what is noted."""
    batcher = Batcher({}, {})
    noted: Counter[Note] = Counter()
    dropped: Counter[Drop] = Counter()
    posts: list[Post] = []
    batches = batcher.batches()
    for source in sources:
        async for chunk in source.chunks(None):
            noted += chunk.noted
            await batcher.put(source.url, chunk)
            batch = await anext(batches)
            posts += batch.posts
            dropped += batch.dropped
    return posts, dropped, noted


def table(path: Path, *rows: tuple[str, str]) -> Replay:
    path.parent.mkdir(exist_ok=True)
    path.write_text("id,text\n" + "".join(f"{id},{text}\n" for id, text in rows))
    return Replay(f"replay:{path}?rate=0")


@pytest.mark.parametrize("id", ["1.60000E+18", "nan", "1600000000000000000", "7"])
async def test_damaged_and_constant_ids_cost_no_post(tmp_path: Path, id: str) -> None:
    posts, dropped, noted = await read(table(tmp_path / "a.csv", (id, "macet"), (id, "banjir"), (id, "hujan")))
    assert [post.text for post in posts] == ["macet", "banjir", "hujan"] and not dropped
    assert len({post.id for post in posts}) == 3
    assert noted == (Counter({Note.SAME_ID: 2}) if id == "7" else Counter())


async def test_row_numbers_in_two_files_cost_no_post_even_if_the_files_have_one_name(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "posts.csv" for folder in ("a", "b")]
    for path in paths:
        table(path, ("1", f"macet {path.parent.name}"), ("2", f"banjir {path.parent.name}"))
    urls = [f"replay:{path}?rate=0" for path in paths]
    context = Context(Settings(sources=tuple(urls)), dict)
    posts, dropped, _ = await read(*(module.make(url, context) for url in urls))
    assert [post.id for post in posts] == [f"replay:{f}/posts.csv:#{n}" for f in "ab" for n in "12"] and not dropped


async def test_the_same_id_with_the_same_text_is_a_duplicate_and_with_another_text_another_post(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = table(tmp_path / "a.csv", ("5", "macet"), ("5", "macet"), ("5", "banjir"), ("6", "hujan"))
    posts, dropped, noted = await read(source)
    assert [post.id for post in posts] == ["replay:a.csv:#5", "replay:a.csv:4", "replay:a.csv:#6"]
    assert dropped == {Drop.DUPLICATE: 1} and noted == {Note.SAME_ID: 1}
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'a.csv'}, line 4: the id of another text before; such posts get the number of their line as id"
    ]


async def test_ids_that_a_float_has_rounded_cost_no_post_of_x(tmp_path: Path) -> None:
    tweets = [{"id": 1600000000000000000, "text": text, "author_id": 7} for text in ("macet", "banjir")]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(tweet) + "\n" for tweet in tweets))
    posts, dropped, noted = await read(Replay(f"replay:{path}?rate=0"))
    assert [post.id for post in posts] == ["x:1600000000000000000", "replay:a.jsonl:2"]
    assert posts[1].url == "" and not dropped and noted == {Note.SAME_ID: 1}


async def test_ids_given_before_a_position_are_known_after_it(tmp_path: Path) -> None:
    source = table(tmp_path / "a.csv", ("5", "macet"), ("5", "banjir"), ("5", "hujan"), ("6", "panas"))
    whole = [post async for chunk in source.chunks(None) for post in chunk.posts]
    for line in range(2, 6):
        rest = [post.id async for chunk in source.chunks(str(line)) for post in chunk.posts]
        assert rest == [post.id for post in whole[line - 1 :]]
