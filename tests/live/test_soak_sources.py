"""All sources at once for ten minutes while their lines fail at random: every post comes, and nothing grows.

SOAK_SECONDS says another length.
"""

import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.faults.failing_network import FailingNetwork, Footprint
from support.faults.network_thread import NetworkThread
from support.faults.posting_network import WORD, connected, posting_networks, posts_of
from support.networks.contract import EXCEPTIONS, Ability
from support.networks.harnesses import HARNESSES
from support.networks.lines_server import package
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.models.drop import Drop

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
MB = 1024 * 1024


@pytest.mark.soak
def test_every_post_comes_and_nothing_grows_while_all_lines_fail_at_random(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        networks = []
        for kind in HARNESSES:
            if (kind.name, Ability.CONNECT) not in EXCEPTIONS:
                (tmp_path / kind.name).mkdir()
                networks.append(stack.enter_context(NetworkThread(kind, tmp_path / kind.name)))
        settings = {"SOURCES": " ".join(network.url for network in networks), "TOPICS": WORD}
        for network in networks:
            settings |= network.harness.settings()
        monkeypatch.setenv("PYTHONPATH", str(package(tmp_path / "lines")), prepend=":")
        [worker] = stack.enter_context(workers(1, embedded_broker.url, namespace, tmp_path, **settings))
        until(lambda: connected(worker) == len(networks), 30, "all sources are connected")
        posting = [FailingNetwork(network, seed, SECONDS >= 300) for seed, network in enumerate(networks)]
        footprint = Footprint(worker.pid)
        with posting_networks(posting):
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                footprint.look()
                time.sleep(min(1.0, SECONDS / 60))
            for one in posting:
                one.network.call(one.calm())
            until(lambda: connected(worker) == len(networks), 600, "all sources are connected again")
            time.sleep(1)
        until(lambda: all(one.wanted() <= set(posts_of(worker)) for one in posting), 60, "all has come", 2)
        found = posts_of(worker)
        print(f"\n{table(posting, worker, footprint)}\n")
        read = worker.metric("tweetream_posts_read_total")
        dropped = worker.metric("tweetream_posts_dropped_total")
        assert read == worker.metric("tweetream_posts_matched_total") + dropped
    assert not [id for id, times in found.items() if times > 1]
    assert not [id for one in posting for id in one.taken_back() if id in found]
    assert any(one.taken_back() for one in posting)
    assert all(sum(one.faults.values()) > SECONDS / 30 and one.others > 0 for one in posting)
    for seen, room in ((footprint.memory, 15 * MB), (footprint.files, 4)):
        early, late = footprint.early_and_late(seen)
        assert late <= early * 1.1 + room, "it grows"


def table(posting: list[FailingNetwork], worker: Worker, footprint: Footprint) -> str:
    found = posts_of(worker)
    rows = [
        f"{'':<12}{'said':>8}{'in the feed':>13}{'deleted':>9}{'others':>8}{'read':>8}{'faults':>8}{'connections':>13}"
    ]
    for one in posting:
        here = sum(one.harness.id(number) in found for number in one.said)
        read = worker.metric("tweetream_posts_read_total", source=one.network.url)
        numbers = f"{len(one.said):>8,}{here:>13,}{len(one.deleted):>9,}{one.others:>8,}{read:>8,.0f}"
        faults = f"{sum(one.faults.values()):>8,}{len(one.harness.gate.accepted):>13,}"
        rows.append(f"{one.harness.name:<12}{numbers}{faults}")
    kinds = sum((one.faults for one in posting), posting[0].faults.__class__())
    rows.append("faults: " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())))
    metrics = {reason: worker.metric("tweetream_posts_dropped_total", reason=reason.value) for reason in Drop}
    matched = worker.metric("tweetream_posts_matched_total")
    dropped = ", ".join(f"{number:,.0f} {reason}" for reason, number in metrics.items() if number)
    rows.append(f"matched {matched:,.0f}; dropped: {dropped}")
    early, late = (figure / MB for figure in footprint.early_and_late(footprint.memory))
    files = footprint.early_and_late(footprint.files)
    rows.append(
        f"memory {early:.0f} MB, at the end {late:.0f} MB; open files {files[0]:.0f}, at the end {files[1]:.0f}"
    )
    return "\n".join(rows)
