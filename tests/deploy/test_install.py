"""docs/install.md followed word for word on three machines with systemd: two with a broker and a worker, a small third.

Then machines die, as by a cut of their power, and what the text says of it must be true. A client follows numbered
posts on either worker all the time.
"""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from support import rest
from support.debian import downloads, guide
from support.debian.guide import Cluster, block, lines, on_all, timed
from support.debian.machines import Machine, machines
from support.faults import chaos
from support.kafka.certificates import Authority
from support.rest import Place
from support.waiting import until

pytestmark = [pytest.mark.soak, pytest.mark.machines]
RATE = 50
SETTINGS: dict[str, str | None] = {
    "TWEETREAM_BROKER": "kafka://10.0.0.1:9092,10.0.0.2:9092",
    "TWEETREAM_REPLICATION": "2",
    "TWEETREAM_API_TOKEN": "sesame-open",
    "TWEETREAM_SOURCES": f"replay:/srv/posts.txt?rate={RATE}",
    "TWEETREAM_TOPICS": chaos.TOPIC,
}
LEFT = """ls -d /opt/* /var/lib/*kafka* /var/lib/*tweetream* /var/lib/private/* /var/log/kafka /etc/kafka \\
    /etc/tweetream /etc/systemd/system/*kafka* /etc/systemd/system/*tweetream* 2>/dev/null || true
systemctl list-units --all --plain --no-legend 'kafka*' 'tweetream*'
getent passwd kafka || true
nft list ruleset"""


class Site(NamedTuple):
    """The machines, what they were given before the first command, and their worker's client."""

    machines: list[Machine]
    supply: downloads.Supply

    @property
    def pair(self) -> list[Machine]:
        return self.machines[:2]


WORKERS = [Place("http://10.0.0.1:6066"), Place("http://10.0.0.2:6066")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("install")
    authority = Authority(folder)
    posts = chaos.numbered_lines(folder / "posts.txt", 200_000)
    supply = downloads.Supply(authority, downloads.build_wheel(folder), posts, {"10.0.0.3": guide.PROXY})
    print()
    with machines(3) as made, downloads.Server(folder / "site", authority):
        for machine in made:
            supply.give(machine)
        with timed("three machines boot"), ThreadPoolExecutor(3) as pool:
            list(pool.map(Machine.start, made))
        yield Site(made, supply)


@pytest.fixture(scope="module")
def cluster(site: Site) -> Cluster:
    return Cluster(site.machines, site.pair)


@pytest.fixture(scope="module")
def reader(site: Site) -> Iterator[chaos.Client]:
    """Follows the numbered posts on either worker, whatever happens."""
    client = chaos.Client(WORKERS)
    yield client
    client.end()


def goes_on(reader: chaos.Client) -> None:
    """Wait for two seconds' posts."""
    before = len(reader.seen)
    until(lambda: len(reader.seen) >= before + 2 * RATE, 90, "posts come")


def stands_still(reader: chaos.Client) -> None:
    """No post comes for ten seconds, after those that were under way."""
    until(lambda: time.monotonic() - reader.last_at > 3, 30, "posts stop")
    before = len(reader.seen)
    time.sleep(10)
    assert len(reader.seen) == before


def all_well(*group: Machine) -> None:
    """Systemd has started all that is enabled, and each worker is ready."""
    for machine in group:
        assert machine.run("systemctl --failed --plain --no-legend") == ""
    for worker in (WORKERS[machine.number - 1] for machine in group if machine.number < 3):
        until(lambda w=worker: rest.status(f"{w.url}/readyz") == 200, 60, f"{worker.url} is ready")  # type: ignore[misc]


def nothing_lost(reader: chaos.Client) -> None:
    """All numbers up to the highest one of now come, each once."""
    highest = max(reader.seen)
    until(lambda: set(range(1, highest + 1)) <= set(reader.seen), 60, f"all up to {highest}")
    seen = list(reader.seen)
    assert len(seen) == len(set(seen)) and (reader.gaps, reader.odd) == ([], [])
    print(f"  {len(seen):,} posts, each once; streams {reader.streams}, longest pause {reader.longest_pause:.1f} s")


def test_the_text_leads_from_a_bare_debian_to_a_running_pair(
    site: Site, cluster: Cluster, reader: chaos.Client
) -> None:
    one, _, three = site.machines
    cluster.install()
    guide.install_workers(site.pair, SETTINGS)
    one.run(block("Workers", 3))
    guide.install_proxy(three)
    reader.start()
    goes_on(reader)
    metrics = "curl -sS http://127.0.0.1:6065/metrics"
    until(lambda: "tweetream_archive_posts_total" in one.run(metrics, check=False), 30, "the archive runs")
    export = (
        f"/opt/tweetream/bin/tweetream export {chaos.TOPIC} --from sqlite:////var/lib/tweetream/archive/posts.sqlite"
    )
    until(lambda: int(one.run(f"{export} | wc -l")) > 1, 30, "root reads the archive", 2)
    all_well(*site.machines)
    with pytest.raises(OSError):  # its firewall
        socket.create_connection((one.address, 9092), 2).close()


def test_any_of_two_and_a_small_third_may_die(site: Site, cluster: Cluster, reader: chaos.Client) -> None:
    for machine in site.machines:
        machine.cut_power()
        with timed(f"machine {machine.number} is gone, until posts come"):
            goes_on(reader)
        with timed(f"machine {machine.number} boots"):
            machine.start()
        all_well(machine)
        assert "tcp dport { 9092, 9093 }" in machine.run("nft list ruleset")
        cluster.await_replicas()
    nothing_lost(reader)


def test_a_machine_that_lost_its_disk_is_installed_again(site: Site, cluster: Cluster, reader: chaos.Client) -> None:
    _, two, _ = site.machines
    two.cut_power(lose_disk=True)
    goes_on(reader)
    site.supply.give(two)
    two.start()
    cluster.unpack([two])
    cluster.begin([two])
    cluster.await_brokers()
    two.run(block("Kafka", 3))
    guide.install_workers([two], SETTINGS)
    cluster.await_replicas()
    nothing_lost(reader)


def test_an_upgrade_loses_nothing(site: Site, cluster: Cluster, reader: chaos.Client) -> None:
    for machine in site.pair:
        with timed(f"upgrade of the worker of machine {machine.number}"):
            machine.run(block("Upgrading", 0))
    *replace, _ = lines("Upgrading", 1)
    for machine in site.machines:
        with timed(f"upgrade of Kafka of machine {machine.number}"):
            machine.run("\n".join(replace).replace("VERSION", "4.3.1"))
            cluster.await_replicas()
    site.machines[0].run(block("Upgrading", 2))
    goes_on(reader)
    nothing_lost(reader)


def test_removing_leaves_nothing(site: Site, reader: chaos.Client) -> None:
    reader.end()
    for machine in site.machines:
        guide.remove_all(machine)
    assert on_all(site.machines, LEFT) == ["", "", ""]


@pytest.mark.parametrize("brokers", [2, 3])
def test_with_two_votes_one_that_dies_is_waited_for_and_with_three_two(site: Site, brokers: int) -> None:
    """The other rows of the table, on machines from which all was removed."""
    group, (_, two, three) = site.machines[:brokers], site.machines
    cluster = Cluster(group, group)
    cluster.install()
    guide.install_workers(site.pair, {**SETTINGS, "TWEETREAM_REPLICATION": str(brokers)})
    reader = chaos.Client(WORKERS)
    reader.start()
    goes_on(reader)
    if brokers == 3:
        three.cut_power()
        goes_on(reader)
    two.cut_power()
    stands_still(reader)
    assert rest.topics(WORKERS[0].url), "posts in memory are served"
    two.start()
    with timed(f"one of {brokers} brokers was left, until posts come again"):
        goes_on(reader)
    if brokers == 3:
        three.start()
    cluster.await_replicas()
    all_well(*site.pair)
    nothing_lost(reader)
    reader.end()
    for machine in group:
        guide.remove_all(machine)
    assert on_all(group, LEFT) == [""] * brokers
