"""PostgreSQL that is killed under load: the archiver goes on by itself, and each post is there once."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from support.kafka.deployment import Deployment
from support.postgres import running
from support.waiting import until_async


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
