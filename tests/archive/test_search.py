"""Searches of an archive, in each database: the query language, filters, order, pages, and what cannot be read."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.archives import batch, numbered, row, store
from support.kafka.deployment import BEGIN, entry

from tweetream.archive import search
from tweetream.archive.address import parse_address
from tweetream.archive.batch import Batch
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.search import ArchiveReader, Search
from tweetream.archive.search import _statement as statement
from tweetream.archive.words import parse_query

TEXTS = [
    "Macet parah di tol dalam kota",
    "tol kota lancar, dalam hati senang",
    "jakarta banjir; macet lagi",
    "渋滞です、東京",
    "jalán rusak 🚗 #JakartaMacet",
    "lalu-lintas macet total, jangan lewat tol",
    "it's 5:30pm http://example.com/macet?x=1 foo@bar.com",
]
Ask = Callable[..., list[int]]


@pytest.fixture
def reader(database_url: str) -> Iterator[ArchiveReader]:
    archive = store(database_url)
    archive.open()
    posts = [entry(n, text=text) for n, text in enumerate(TEXTS)]
    posts[4].label = posts[4].score = None  # type: ignore[assignment]  # a post that the model is not sure of
    posts[5].source = "bluesky"
    archive.write(batch(posts))
    archive.write(Batch([row(entry(n, text=TEXTS[n]), "tol") for n in (0, 1, 5)]))
    archive.close()
    found = ArchiveReader(parse_address(database_url))
    yield found
    found.close()


@pytest.fixture
def ask(reader: ArchiveReader) -> Ask:
    def found(query: str = "", number: int = 100, **options: Any) -> list[int]:
        terms = tuple(parse_query(query)) if query else ()
        return [int(post.id.rpartition(":")[2]) for post in reader.page(Search(terms, **options), number)[0]]

    return found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("macet", [6, 5, 2, 0]), ("tol macet", [5, 0]), ("MACET tol", [5, 0]), ('"dalam kota"', [0]),
        ('"kota dalam"', []), ("kota dalam", [1, 0]), ("macet -tol", [6, 2]), ("-tol", [6, 4, 3, 2]),
        ("-macet -tol", [4, 3]), ("jakar*", [4, 2]), ("jakarta", [2]), ('"lalu lintas"', [5]), ("lalu-lin*", [5]),
        ("渋滞", [3]), ("東", [3]), ("滞渋", []), ("jalan", [4]), ("example", [6]), ("5:30pm", [6]),
        ("bar.com", [6]), ("it's", [6]), ("macet -to*", [6, 2]), ("tidakada", []), ("' OR 1=1 --", []),
    ],
)  # fmt: skip
def test_the_query_language_finds_what_it_says_newest_first(ask: Ask, query: str, found: list[int]) -> None:
    assert ask(query) == found


def test_every_filter_goes_with_every_other(ask: Ask) -> None:
    assert ask() == [6, 5, 4, 3, 2, 1, 0]
    assert ask(topic="tol") == [5, 1, 0] and ask("macet", topic="tol") == [5, 0] and ask(topic="none") == []
    assert ask(label="traffic") == [6, 2, 0] and ask(label="unsure") == [4]
    assert ask(author="author2") == ask(author="@author2") == [2] and ask("macet", author="author3") == []
    assert ask(source="bluesky") == [5] and ask(source="x") == []
    assert ask(since=BEGIN + 2000, until=BEGIN + 5000) == [4, 3, 2] and ask("macet", until=BEGIN + 2000) == [0]
    assert ask(since=2**60) == [] and ask(until=2**60) == ask()
    assert ask(min_score=0.8) == [3] and ask("macet", topic="tol", label="non_traffic", min_score=0.4) == [5]


def test_a_page_of_long_posts_is_cut_and_says_that_there_are_older_ones(
    reader: ArchiveReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops searches whose answers have a thousand posts of 64 KiB each."""
    monkeypatch.setattr(search, "PAGE_BYTES", len(TEXTS[6]) + len(TEXTS[5]))
    found, older = reader.page(Search(), 100)
    assert [post.text for post in found] == [TEXTS[6], TEXTS[5]] and older
    monkeypatch.setattr(search, "PAGE_BYTES", 1)
    found, older = reader.page(Search(before=found[1].key), 100)
    assert [post.text for post in found] == [TEXTS[4]] and older
    assert [reader.page(Search(topic="tol"), number)[1] for number in (1, 3)] == [True, True]
    monkeypatch.undo()
    assert [reader.page(Search(topic="tol"), number)[1] for number in (2, 3)] == [True, False]


def test_pages_have_each_post_once(reader: ArchiveReader) -> None:
    terms, before, seen = tuple(parse_query("macet")), None, []
    for _ in range(3):
        page, _ = reader.page(Search(terms, before=before), 2)
        seen += [post.text for post in page]
        before = page[-1].key if page else before
    assert seen == [TEXTS[n] for n in (6, 5, 2, 0)]
    assert [[post.text for post in part] for part in reader.every(Search(topic="tol"), 2)] == [
        [TEXTS[0], TEXTS[1]],
        [TEXTS[5]],
    ]


def test_a_post_is_as_its_event_with_all_its_topics(reader: ArchiveReader) -> None:
    ((post,), _) = reader.page(Search(tuple(parse_query("parah")), topic="tol"), 5)
    event = entry(0, "tol", TEXTS[0])
    assert all(getattr(post, name) == getattr(event, name) for name in event.__struct_fields__)
    assert sorted(post.topics) == ["macet", "tol"]
    assert reader.page(Search(label="unsure"), 1)[0][0].score is None


def test_counts_are_by_step_label_and_source(reader: ArchiveReader) -> None:
    minute = BEGIN // 60_000
    assert reader.counts("tol", minute, minute + 1, 1) == [
        (minute, "non_traffic", "bluesky", 1), (minute, "non_traffic", "replay", 1), (minute, "traffic", "replay", 1),
    ]  # fmt: skip
    day = minute - minute % 1440
    assert sum(posts for *_, posts in reader.counts("macet", day, day + 1440, 1440)) == 7
    assert reader.counts("macet", minute + 1, minute + 9, 1) == [] and reader.topics() == ["macet", "tol"]


def test_a_reader_writes_nothing(reader: ArchiveReader) -> None:
    from sqlalchemy.exc import DBAPIError

    with pytest.raises(DBAPIError, match="readonly|read-only"), reader._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM posts")


def test_what_cannot_be_read_now_may_be_later(file: Path) -> None:
    found = ArchiveReader(parse_address(f"sqlite:///{file}"))
    with pytest.raises(ArchiveUnavailable, match="there is no archive at .* yet"):
        found.page(Search(), 1)
    file.write_text("a letter\n" * 500)
    with pytest.raises(BadArchive, match="is another file"):
        found.page(Search(), 1)
    file.unlink()
    archive = store(f"sqlite:///{file}")
    archive.open()
    archive.write(numbered(1))
    assert len(found.page(Search(), 1)[0]) == 1


def test_a_search_that_takes_too_long_is_ended(file: Path) -> None:
    archive = store(f"sqlite:///{file}")
    archive.open()
    archive.write(numbered(*range(20_000)))
    found = ArchiveReader(parse_address(f"sqlite:///{file}"), timeout=0.001)
    with pytest.raises(ArchiveUnavailable, match="interrupted"):
        found.page(Search(tuple(parse_query("-macet -di")), label="unsure"), 100)


@pytest.mark.parametrize("options", [{}, {"topic": "tol"}, {"label": "traffic", "since": 5}])
@pytest.mark.parametrize("query", ["macet", "macet tol", "macet -tol", "-tol", ""])
def test_no_page_of_sqlite_sorts_all_that_matches(file: Path, query: str, options: dict[str, Any]) -> None:
    """Stops a search for a common word that takes seconds over a million posts."""
    archive = store(f"sqlite:///{file}")
    archive.open()
    found = ArchiveReader(parse_address(f"sqlite:///{file}"))
    search = Search(tuple(parse_query(query)) if query else (), **options)
    with found._connection() as connection:
        asked, key = statement(search, connection)
        page = asked.order_by(key.desc()).limit(100).compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {page}")]
    assert plan and not any("TEMP B-TREE" in step for step in plan), plan
