"""All sources at once for ten minutes while their lines fail at random: every post comes, and nothing grows.

SOAK_SECONDS says another length.
"""

import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.faults.aside import Aside
from support.faults.soaking import Footprint, Troubled
from support.faults.talking import WORD, connected, posts_of, talking
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
                networks.append(stack.enter_context(Aside(kind, tmp_path / kind.name)))
        settings = {"SOURCES": " ".join(network.url for network in networks), "TOPICS": WORD}
        for network in networks:
            settings |= network.harness.settings()
        monkeypatch.setenv("PYTHONPATH", str(package(tmp_path / "lines")), prepend=":")
        [worker] = stack.enter_context(workers(1, embedded_broker.url, namespace, tmp_path, **settings))
        until(lambda: connected(worker) == len(networks), 30, "all sources are connected")
        talks = [Troubled(network, seed, SECONDS >= 300) for seed, network in enumerate(networks)]
        footprint = Footprint(worker.pid)
        with talking(talks):
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                footprint.look()
                time.sleep(min(1.0, SECONDS / 60))
            for talk in talks:
                talk.network.call(talk.calm())
            until(lambda: connected(worker) == len(networks), 600, "all sources are connected again")
            time.sleep(1)
        until(lambda: all(talk.wanted() <= set(posts_of(worker)) for talk in talks), 60, "all has come", 2)
        found = posts_of(worker)
        print(f"\n{table(talks, worker, footprint)}\n")
        read = worker.metric("tweetream_posts_read_total")
        dropped = worker.metric("tweetream_posts_dropped_total")
        assert read == worker.metric("tweetream_posts_matched_total") + dropped
    assert not [id for id, times in found.items() if times > 1]
    assert not [id for talk in talks for id in talk.taken_back() if id in found]
    assert any(talk.taken_back() for talk in talks)
    assert all(sum(talk.faults.values()) > SECONDS / 30 and talk.others > 0 for talk in talks)
    for seen, room in ((footprint.memory, 15 * MB), (footprint.files, 4)):
        early, late = footprint.early_and_late(seen)
        assert late <= early * 1.1 + room, "it grows"


def table(talks: list[Troubled], worker: Worker, footprint: Footprint) -> str:
    found = posts_of(worker)
    rows = [
        f"{'':<12}{'said':>8}{'in the feed':>13}{'deleted':>9}{'others':>8}{'read':>8}{'faults':>8}{'connections':>13}"
    ]
    for talk in talks:
        here = sum(talk.harness.id(number) in found for number in talk.said)
        read = worker.metric("tweetream_posts_read_total", source=talk.network.url)
        numbers = f"{len(talk.said):>8,}{here:>13,}{len(talk.deleted):>9,}{talk.others:>8,}{read:>8,.0f}"
        faults = f"{sum(talk.faults.values()):>8,}{len(talk.harness.gate.accepted):>13,}"
        rows.append(f"{talk.harness.name:<12}{numbers}{faults}")
    kinds = sum((talk.faults for talk in talks), talks[0].faults.__class__())
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
