"""Other programs read an archive: Datasette the SQLite file, DuckDB and pandas the Parquet folder."""

from pathlib import Path
from typing import Any

import pytest
from support.archives import FEED, numbered, store
from support.kafka.deployment import entry

from tweetream.archive.batch import Batch
from tweetream.archive.rows import FeedState, Row, ms_of


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
async def test_datasette_opens_the_file_and_its_search_finds_a_post(file: Path) -> None:
    from datasette.app import Datasette

    archive = store(f"sqlite:///{file}")
    archive.open()
    archive.write(numbered(*range(20)))
    opened = Datasette([str(file)])
    await opened.invoke_startup()
    answer = await opened.client.get("/posts/posts.json?_search=jalan+7&_shape=array")
    assert [row["id"] for row in answer.json()] == [entry(7).id]
    page = await opened.client.get("/posts/posts?_facet_array=topics")
    assert page.status_code == 200 and "macet di jalan 19" in page.text
    for database in opened.databases.values():
        database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two days of `macet` in files."""
    archive = store(f"parquet:{tmp_path}/posts")
    archive.open()
    for day, numbers in ((20_717, range(5)), (20_718, range(5, 12))):
        rows = [Row(post, ms_of(post.received_at), ["macet"], FEED, day) for post in map(entry, numbers)]
        end = FeedState("macet", numbers[-1] + 1)
        archive.write(Batch(rows, {FEED: end}, {(FEED, day): end}))
    archive.close()
    return tmp_path / "posts"


def test_duckdb_and_pandas_read_the_folder_as_one_table(folder: Path) -> None:
    import duckdb
    import pandas

    columns = "topic, CAST(day AS VARCHAR), count(DISTINCT id), count(*)"
    asked = f"SELECT {columns} FROM '{{}}/*/*/*.parquet' GROUP BY ALL ORDER BY 2"
    with duckdb.connect() as connection:
        found: list[Any] = connection.execute(asked.format(folder)).fetchall()
    assert found == [("macet", "2026-09-21", 5, 5), ("macet", "2026-09-22", 7, 7)]
    table = pandas.read_parquet(folder)
    assert len(table) == 12 and set(table["topic"].astype(str)) == {"macet"} and table["id"].is_unique
    assert str(table["received_at"].dtype).startswith("datetime64")
