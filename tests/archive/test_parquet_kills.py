"""An archiver into Parquet that is killed at any moment: DuckDB finds each post, none missing, none twice."""

import asyncio
import random
from pathlib import Path

import pytest
from support.archive_kills import ids_in, start
from support.kafka.deployment import Deployment, entry
from support.waiting import until_async

BURST = 2_000  # posts of each feed between two kills
SETTLES = 2.0  # seconds without a post, after which the archiver writes files


def rows(folder: Path) -> list[tuple[str, str]]:
    """The topic and the id of each row."""
    import duckdb

    if not list(folder.glob("day=*/topic=*/*.parquet")):
        return []
    with duckdb.connect() as connection:
        found: list[tuple[str, str]] = connection.execute(f"SELECT topic, id FROM '{folder}/*/*/*.parquet'").fetchall()
        return found


@pytest.mark.soak
async def test_twenty_kills_lose_and_double_nothing(deployment: Deployment, tmp_path: Path) -> None:
    feeds = {name: await deployment.add(name) for name in ("macet", "hujan")}
    chosen, folder, killed_with_rows = random.Random(7), tmp_path / "posts", 0
    process = start(deployment, f"parquet:{folder}", tmp_path)
    for number in range(21):
        for name, kafka_topic in feeds.items():
            posts = [(n, entry(n, name)) for n in range(number * BURST, (number + 1) * BURST)]
            await deployment.write(kafka_topic, posts)
        if number < 20:
            await asyncio.sleep(SETTLES + chosen.uniform(0.5, 4.0))  # around the moment in which it writes
            process.kill()
            process.wait()
            killed_with_rows += 0 < len(rows(folder)) < 2 * (number + 1) * BURST
            process = start(deployment, f"parquet:{folder}", tmp_path)
    await until_async(lambda: len(rows(folder)) >= 42 * BURST, 90, "all posts")
    process.terminate()
    assert process.wait(20) == 0
    found = rows(folder)
    print(f"\n{len(found):,} rows; {killed_with_rows} of 20 kills with posts in files and posts in none")
    assert killed_with_rows > 0 and len(found) == len(set(found)) == 42 * BURST
    for name, kafka_topic in feeds.items():
        assert {id.encode() for topic, id in found if topic == name} == await ids_in(deployment, kafka_topic)
