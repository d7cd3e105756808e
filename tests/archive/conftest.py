"""A deployment on the embedded broker, and archivers of it that end with their test."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support.kafka.deployment import Deployment
from support.postgres import PostgresServer

from tweetream.archive.address import parse_address
from tweetream.archive.archiver import Archiver
from tweetream.archive.stores import store_of
from tweetream.kafka.embedded import EmbeddedBroker

Archiving = Callable[..., contextlib.AbstractAsyncContextManager[Archiver]]


@pytest.fixture
async def deployment(embedded_broker: EmbeddedBroker, namespace: str) -> AsyncIterator[Deployment]:
    found = await Deployment(embedded_broker, namespace).start()
    yield found
    await found.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "posts.db"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, file: Path, namespace: str) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    server: PostgresServer = request.getfixturevalue("postgres")
    server.sql("postgres", f"CREATE DATABASE {namespace}")
    return server.url(namespace)


@pytest.fixture
def archiving(deployment: Deployment, file: Path) -> Archiving:
    """An archiver within a block; leaving it stops the archiver, which then has written all that it read."""

    @contextlib.asynccontextmanager
    async def archive(url: str = "", **options: Any) -> AsyncIterator[Archiver]:
        store = store_of(parse_address(url or f"sqlite:///{file}"), deployment.namespace, 1e6)
        archiver = Archiver(deployment.kafka, deployment.namespace, store, options.get("retention"))
        task = asyncio.create_task(archiver.run())
        try:
            yield archiver
        finally:
            archiver.stop()
            await task

    return archive


@pytest.fixture
def rows(file: Path) -> Callable[..., list[Any]]:
    """What an independent reader finds in the archive."""

    def read(query: str = "SELECT id FROM posts ORDER BY key") -> list[Any]:
        if not file.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            try:
                found = connection.execute(query).fetchall()
            except sqlite3.OperationalError:  # the tables are not there yet
                return []
        return [row[0] if len(row) == 1 else row for row in found]

    return read
