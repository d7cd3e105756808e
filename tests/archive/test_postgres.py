"""PostgreSQL that is full, lost, somebody else's, or killed under load: nothing is lost, and no post is twice."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from support.archives import FEED, numbered, store
from support.kafka.deployment import Deployment
from support.postgres import PostgresServer, running
from support.waiting import until_async

from tweetream.archive import database as engines
from tweetream.archive.errors import ArchiveUnavailable, BadArchive

DISK_FULL = """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION full_disk()"""


LOST = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest.fixture
def database(postgres: PostgresServer, namespace: str) -> str:
    postgres.sql("postgres", f"CREATE DATABASE {namespace}")
    return namespace


@pytest.mark.parametrize(
    ("fault", "mend", "said"),
    [
        (DISK_FULL, "DROP TRIGGER full_disk ON posts", "No space left on device"),
        (LOST, "SELECT 1", "terminating connection|server closed the connection"),
    ],
    ids=["full-disk", "lost-connection"],
)  # fmt: skip
def test_what_passes_is_one_line_and_the_same_batch_is_written_later(
    fault: str, mend: str, said: str, database: str, postgres: PostgresServer
) -> None:
    archive: Any = store(postgres.url(database))
    archive.open()
    archive.write(numbered(*range(10)))
    postgres.sql(database, fault)
    with pytest.raises(ArchiveUnavailable, match=said) as error:
        archive.write(numbered(*range(5, 20)))
    assert "\n" not in str(error.value)
    assert postgres.sql(database, "SELECT count(*), (SELECT next_offset FROM feeds) FROM posts") == "10|10"
    postgres.sql(database, mend)
    assert archive.open()[FEED].next_offset == 10 and archive.write(numbered(*range(5, 20))) == 10
    assert (
        postgres.sql(database, "SELECT count(DISTINCT id), (SELECT sum(posts) FROM post_counts) FROM posts") == "20|20"
    )
    archive.close()


@pytest.mark.parametrize("table", ["archive", "posts"])
def test_a_locked_database_is_waited_for(
    table: str, database: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program, such as one that changes a table by hand, holds it."""
    import psycopg

    monkeypatch.setattr(engines, "BUSY", 0.1)
    archive: Any = store(postgres.url(database))
    archive.open()
    with psycopg.connect(postgres.url(database)) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(ArchiveUnavailable, match="canceling statement due to lock timeout") as error:
            archive.write(numbered(1))
        assert "\n" not in str(error.value)
    archive.open()
    assert archive.write(numbered(1)) == 1
    archive.close()
    assert postgres.sql(database, "SELECT count(*), (SELECT next_offset FROM feeds) FROM posts") == "1|2"


def test_a_table_of_somebody_else_is_left_alone(database: str, postgres: PostgresServer) -> None:
    postgres.sql(database, "CREATE TABLE feeds (name text); INSERT INTO feeds VALUES ('mine')")
    archive: Any = store(postgres.url(database))
    with pytest.raises(BadArchive, match="a table 'feeds' that is not ours: give another database"):
        archive.open()
    archive._engine.dispose()
    assert postgres.sql(database, "SELECT * FROM feeds") == "mine"


@pytest.mark.postgres
@pytest.mark.soak
async def test_five_kills_of_the_database_lose_and_double_nothing(deployment: Deployment, archiving: Any) -> None:
    kafka_topic = await deployment.add("macet")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder, running(Path(folder)) as server:
        server.sql("postgres", "CREATE DATABASE posts")

        def count() -> int:
            return int(server.sql("posts", "SELECT count(*) FROM posts") or 0)

        async with archiving(server.url("posts")):
            for first in range(0, 25_000, 5_000):
                await deployment.write_numbers(kafka_topic, range(first, first + 2_500))
                await until_async(lambda: count() > first, 60, "some of the posts", 0.05)  # noqa: B023
                await deployment.write_numbers(kafka_topic, range(first + 2_500, first + 5_000))
                server.kill()
                server.start()
            await until_async(lambda: count() == 25_000, 60, "all posts", 0.2)
        assert server.sql("posts", "SELECT count(DISTINCT id), sum(1) FROM posts") == "25000|25000"
        assert server.sql("posts", "SELECT sum(posts) FROM post_counts") == "25000"
        assert server.sql("posts", "SELECT next_offset FROM feeds") == "25000"
