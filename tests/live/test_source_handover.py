"""The worker that streams is killed with every source at once: another goes on where each of them was."""

import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import chaos
import httpx
import pytest
from aside import Aside
from contract import Ability, Said
from harnesses import HARNESSES
from lines_server import package
from talking import WORD, Talk, talking
from workers import Worker, until, workers

REPLAYED = 1200  # at 200 a second


def posts(worker: Worker) -> Counter[str]:
    """The ids of all posts of the topic, as a client gets them page by page."""
    found: Counter[str] = Counter()
    before: dict[str, str] = {}
    while True:
        answer = httpx.get(f"{worker.url}/topics/{WORD}/posts", params={"last": "1000", **before}, timeout=10)
        page = answer.raise_for_status().json()
        found.update(post["id"] for post in page["posts"])
        if not page["before"]:
            return found
        before = {"before": page["before"]}


def connected(worker: Worker) -> int:
    """How many sources give posts, or have given all."""
    found = httpx.get(f"{worker.url}/sources", timeout=10).json()
    return sum(source["state"] in ("streaming", "ended") for source in found)


def missing(talks: list[Talk], worker: Worker, lost: tuple[float, float]) -> set[str]:
    """What should be there and is not. A network that cannot resume may lose what it said in this time."""
    found = posts(worker)
    wanted = [talk.ids() if talk.harness.can(Ability.RESUME) else talk.ids(but=lost) for talk in talks]
    replayed = {f"said:{number}" for number in range(1, REPLAYED + 1)}
    return replayed.union(*wanted) - set(found)


@pytest.mark.kafka
def test_nothing_is_missing_and_nothing_twice_when_the_worker_that_streams_is_killed(
    apache_kafka, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        folders = {harness.name: tmp_path / harness.name for harness in HARNESSES}
        for folder in folders.values():
            folder.mkdir()
        networks = [stack.enter_context(Aside(harness, folders[harness.name])) for harness in HARNESSES]
        [replay] = [network for network in networks if network.harness.name == "replay"]
        replay.say(*(Said(number, f"{WORD} {number}") for number in range(1, REPLAYED + 1)))
        live = [network for network in networks if network is not replay]
        settings = {"SOURCES": " ".join(network.url for network in networks), "TOPICS": WORD}
        for network in networks:
            settings |= network.harness.settings()
        monkeypatch.setenv("PYTHONPATH", str(package(folders["lines"])), prepend=":")
        group = stack.enter_context(workers(2, apache_kafka.url, namespace, tmp_path, **settings))
        until(lambda: connected(group[0]) == len(networks), 20, "all sources are connected")
        with talking(live, rate=40) as talks:
            victim = until(lambda: chaos.streaming(group), 15, "somebody streams")
            time.sleep(1.5)
            victim.signal(signal.SIGKILL)
            killed_at = time.time()
            [other] = [worker for worker in group if worker is not victim]
            until(lambda: chaos.streaming([other]), 20, "the other one streams")
            until(lambda: connected(other) == len(networks), 10, "it has connected to all")
            time.sleep(1.5)
            lost = (killed_at - 1, time.time() - 1)
        until(lambda: not missing(talks, other, lost), 20, "all has come", 0.5)
        found = posts(other)
    assert all(len(talk.said) > 100 for talk in talks)
    assert not [id for id, times in found.items() if times > 1]
    print("\n" + ", ".join(f"{talk.harness.name}: {len(talk.said)} said" for talk in talks))
