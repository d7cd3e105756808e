"""The worker that streams is killed with every source at once: another goes on where each of them was."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.faults import chaos
from support.faults.network_thread import NetworkThread
from support.faults.posting_network import WORD, PostingNetwork, connected, posting_networks, posts_of
from support.kafka.apache_kafka import KafkaAddress
from support.networks.contract import Ability, Said
from support.networks.harnesses import HARNESSES
from support.networks.lines_server import package
from support.waiting import until
from support.workers import Worker, workers

REPLAYED = 1200  # at 200 a second


def missing(posting: list[PostingNetwork], worker: Worker, lost: tuple[float, float]) -> set[str]:
    """What should be there and is not. A network that cannot resume may lose what it said in this time."""
    found = posts_of(worker)
    wanted = [one.ids() if one.harness.can(Ability.RESUME) else one.ids(but=lost) for one in posting]
    replayed = {f"said:{number}" for number in range(1, REPLAYED + 1)}
    return replayed.union(*wanted) - set(found)


@pytest.mark.kafka
def test_nothing_is_missing_and_nothing_twice_when_the_worker_that_streams_is_killed(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        folders = {harness.name: tmp_path / harness.name for harness in HARNESSES}
        for folder in folders.values():
            folder.mkdir()
        networks = [stack.enter_context(NetworkThread(harness, folders[harness.name])) for harness in HARNESSES]
        [replay] = [network for network in networks if network.harness.name == "replay"]
        replay.say(*(Said(number, f"{WORD} {number}") for number in range(1, REPLAYED + 1)))
        live = [network for network in networks if network is not replay]
        settings = {"SOURCES": " ".join(network.url for network in networks), "TOPICS": WORD}
        for network in networks:
            settings |= network.harness.settings()
        monkeypatch.setenv("PYTHONPATH", str(package(folders["lines"])), prepend=":")
        group = stack.enter_context(workers(2, apache_kafka.url, namespace, tmp_path, **settings))
        until(lambda: connected(group[0]) == len(networks), 20, "all sources are connected")
        posting = [PostingNetwork(network, rate=40) for network in live]
        with posting_networks(posting):
            victim = until(lambda: chaos.streaming(group), 15, "somebody streams")
            time.sleep(1.5)
            victim.signal(signal.SIGKILL)
            killed_at = time.time()
            [other] = [worker for worker in group if worker is not victim]
            until(lambda: chaos.streaming([other]), 20, "the other one streams")
            until(lambda: connected(other) == len(networks), 10, "it has connected to all")
            time.sleep(1.5)
            lost = (killed_at - 1, time.time() - 1)
        until(lambda: not missing(posting, other, lost), 20, "all has come", 0.5)
        found = posts_of(other)
    assert all(len(one.said) > 100 for one in posting)
    assert not [id for id, times in found.items() if times > 1]
    print("\n" + ", ".join(f"{one.harness.name}: {len(one.said)} said" for one in posting))
