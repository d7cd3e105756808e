"""What a worker keeps in its data folder: as good as Kafka's or made anew from Kafka, whatever became of the folder."""

import asyncio
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from support.kafka.apache_kafka import ApacheKafka, KafkaAddress
from support.waiting import until
from support.workers import Worker, workers, write_lines

from tweetream.kafka import admin
from tweetream.kafka.connection import Connection

POSTS = 600


@pytest.fixture(scope="module")
def eager() -> Iterator[ApacheKafka]:
    """A broker that compacts all the time."""
    with ApacheKafka(settings={"log.cleaner.backoff.ms": 100, "log.cleaner.threads": 1}) as cluster:
        yield cluster


def add(worker: Worker, name: str) -> None:
    assert httpx.post(f"{worker.url}/topics", json={"name": name}, timeout=20).status_code == 201


def delete(worker: Worker, name: str) -> None:
    assert httpx.delete(f"{worker.url}/topics/{name}", timeout=20).status_code == 204


def tables(worker: Worker) -> list[Path]:
    (base,) = worker.log.parent.glob(f"data-{worker.port}/v1/tables")
    return sorted(base.iterdir())


def state(worker: Worker) -> dict[str, Any]:
    """All that REST tells of the tables: the topics, their posts, and which are known to be deleted."""
    statuses = {name: worker.get(f"/feeds/{name}") for name in ("hapus", "takada")}
    return {"topics": worker.topics(), "statuses": statuses}


def each_file(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        for path in folder.iterdir():
            if path.is_file():
                change(path)

    return damage


def data_files(change: Callable[[Path], object]) -> Callable[[Path], None]:
    return each_file(lambda path: change(path) if path.suffix in (".sst", ".log") and path.stat().st_size else None)


def a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder")


def files_turned_folders(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": shutil.rmtree,
    "all its files empty": each_file(lambda path: path.write_bytes(b"")),
    "files cut in half": data_files(lambda path: os.truncate(path, path.stat().st_size // 2)),
    "garbage in front": data_files(lambda path: path.write_bytes(os.urandom(200) + path.read_bytes()[200:])),
    "garbage at the end": data_files(lambda path: path.write_bytes(path.read_bytes()[:-100] + os.urandom(100))),
    "a file in its place": a_file,
    "folders in place of files": each_file(files_turned_folders),
    "no manifest": each_file(lambda path: path.unlink() if path.name.startswith("MANIFEST") else None),
    "no data": data_files(Path.unlink),
}


def test_whatever_happens_to_the_data_folder_the_tables_are_as_before(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "posts.txt", [f"tetap {number}" for number in range(POSTS)])
    settings = {"SOURCES": f"replay:{file}?rate=600", "TOPICS": "tetap,hapus"}
    with workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("tetap") == POSTS, 60, "all posts counted")
        delete(worker, "hapus")
        before = until(lambda: state(worker) if worker.get("/feeds/hapus") == 204 else None, 30, "the tombstone")
        assert before["statuses"] == {"hapus": 204, "takada": 404}
        for turn, (name, damage) in enumerate(DAMAGES.items()):
            worker.kill() if turn % 4 == 3 else worker.stop()
            for folder in tables(worker):
                damage(folder)
            worker.start().wait_ready()
            assert state(worker) == before, name
        worker.stop()
        shutil.rmtree(tmp_path / f"data-{worker.port}")
        worker.start().wait_ready()
        assert state(worker) == before, "the whole folder deleted"
        shutil.rmtree(tmp_path / f"data-{worker.port}")
        add(worker, "baru")
        assert worker.stop() < 15, "the folder went away under a running worker"
        worker.start().wait_ready()
        assert set(worker.topics()) == {"tetap", "baru"}
        assert "Traceback" not in worker.log.read_text()


def test_an_intact_folder_leaves_only_the_rest_of_the_changelog_to_read(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    with workers(2, apache_kafka.url, namespace, tmp_path) as (first, second):
        add(first, "satu")
        until(lambda: "satu" in first.topics() and "satu" in second.topics(), 30, "the topic")
        until(lambda: state(first) == state(second), 30, "both have the same")
        second.kill()
        for number in range(3):
            add(first, f"nanti-{number}")
        said = len(second.log.read_text())
        second.start().wait_ready()
        assert set(second.topics()) == {"satu", "nanti-0", "nanti-1", "nanti-2"}
        lines = second.log.read_text()[said:]
        # A command changes two entries: the topic and the mark that it was applied.
        assert f"{namespace}-topics-changelog: 2 entries from disk, 6 records from Kafka" in lines
        assert "all there are" not in lines.split(f"{namespace}-topics-changelog")[1]


async def keys(bootstrap: str, changelog: str) -> list[bytes]:
    """Of the records that a changelog still has, by a client that knows nothing of us."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    async with consumer:
        tp = TopicPartition(changelog, 0)
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        found: list[bytes] = []
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [record.key for record in records]
        return found


@pytest.mark.kafka
def test_what_was_deleted_and_compacted_away_meanwhile_is_not_in_the_table(
    eager: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    changelog = f"{namespace}-topics-changelog"
    now = {"min.cleanable.dirty.ratio": "0.0", "delete.retention.ms": "0", "segment.ms": "100"}
    spec = admin.TopicSpec(changelog, 1, {"cleanup.policy": "compact", **now})
    asyncio.run(admin.create(Connection([eager.bootstrap]), [spec], 1))
    settings = {"TOMBSTONE_TTL": "500ms", "SWEEP_INTERVAL": "500ms"}
    with workers(2, eager.url, namespace, tmp_path, **settings) as (away, here):
        add(here, "lama")
        until(lambda: "lama" in away.topics(), 30, "the topic on both")
        away.stop()
        delete(here, "lama")
        until(lambda: here.get("/feeds/lama") == 404, 60, "the tombstone is forgotten")
        for number in range(60):
            add(here, f"baru-{number}")  # each rolls a segment
            if number % 5 == 4 and b"lama" not in asyncio.run(keys(eager.bootstrap, changelog)):
                break
        assert b"lama" not in asyncio.run(keys(eager.bootstrap, changelog)), "Kafka has compacted it away"
        away.start().wait_ready()
        assert away.get("/feeds/lama") == 404
        assert away.topics() == here.topics()


def test_a_folder_of_another_namespace_or_an_emptied_changelog_leaves_nothing_stale(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    other = f"{namespace}-x"
    with (
        workers(1, apache_kafka.url, namespace, tmp_path, TOPICS="punya") as (first,),
        workers(1, apache_kafka.url, other, tmp_path, TOPICS="lain") as (second,),
    ):
        until(lambda: first.topics() and second.topics(), 30, "their topics")
        theirs = second.topics()
        first.stop()
        second.stop()
        for mine in tables(second):
            shutil.rmtree(mine)
            shutil.copytree(tables(first)[0].parent / mine.name.replace(other, namespace), mine)
        second.start().wait_ready()
        assert second.topics() == theirs
        asyncio.run(admin.delete(Connection([apache_kafka.bootstrap]), [f"{namespace}-topics-changelog"]))
        old = tables(first)[0].parents[2]
        again = Worker(apache_kafka.url, namespace, tmp_path).start()
        try:
            again.wait_ready()
            assert again.topics() == {}, "Kafka is the truth"
            for name in ("satu", "dua", "tiga"):
                add(again, name)
            again.stop()
            shutil.rmtree(tmp_path / f"data-{again.port}")
            old.rename(tmp_path / f"data-{again.port}")  # its changelog is longer now, and another one
            again.start().wait_ready()
            assert set(again.topics()) == {"satu", "dua", "tiga"}
        finally:
            again.kill()


@pytest.fixture(scope="module")
def working(apache_kafka: KafkaAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker that nobody stops."""
    with workers(1, apache_kafka.url, f"t{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("working")) as (worker,):
        yield worker


@pytest.mark.parametrize("kind", ["in use", "a file", "not to be written"])
def test_a_folder_that_cannot_be_used_is_one_line(
    apache_kafka: KafkaAddress, working: Worker, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "taken").write_text("")
    namespace = working.environment["TWEETREAM_NAMESPACE"]
    folder = {
        "in use": Path(working.environment["TWEETREAM_DATA_DIR"]),
        "a file": tmp_path / "taken",
        "not to be written": Path("/proc/1/tweetream"),
    }[kind]
    refused = Worker(apache_kafka.url, namespace, tmp_path, DATA_DIR=folder).start()
    try:
        assert refused.process is not None
        assert refused.process.wait(30) == 2
    finally:
        refused.kill()
    said = [line for line in refused.log.read_text().splitlines() if "TWEETREAM_DATA_DIR" in line]
    assert len(said) == 1 and said[0].startswith("tweetream: ") and str(folder) in said[0]
    assert "Traceback" not in refused.log.read_text()
    assert working.get("/readyz") == 200
