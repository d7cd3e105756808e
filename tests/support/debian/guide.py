"""docs/install.md as somebody follows it on several machines: its commands word for word, and what a reader sets."""

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from support.debian.machines import Machine
from support.paths import DOCS
from support.waiting import until

PROXY = "posts.example"
_FACTORS = (
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor",
)
_IN_SYNC = ("min.insync.replicas", "transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr")


def block(section: str, number: int) -> str:
    """A block of commands of the text: of the section so named, counted from 0."""
    text = (DOCS / "install.md").read_text()
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(re.findall(r"^```sh\n(.*?)^```", body, re.MULTILINE | re.DOTALL)[number])


def lines(section: str, number: int) -> list[str]:
    return block(section, number).splitlines()


def on_all(group: Sequence[Machine], script: str) -> list[str]:
    """What each prints; at the same time on all."""
    with ThreadPoolExecutor(len(group)) as pool:
        return list(pool.map(lambda machine: machine.run(script), group))


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what:<64}{time.monotonic() - began:>7.1f} s", flush=True)


def set_in(machine: Machine, file: str, values: dict[str, str | None]) -> None:
    """Set names in a file of NAME=VALUE lines; None removes one."""
    path = machine.root / file
    text = path.read_text()
    for name, value in values.items():
        new = "" if value is None else f"{name}={value}\n"
        text, count = re.subn(rf"^{re.escape(name)}=.*\n", new, text, flags=re.MULTILINE)
        assert count == 1, f"{file} has no {name}"
    path.write_text(text)


def properties(number: int, voters: list[int], brokers: list[int]) -> dict[str, str | None]:
    """What a machine sets in server.properties."""
    own = f"10.0.0.{number}"
    given: dict[str, str | None] = {
        "node.id": str(number),
        "controller.quorum.voters": ",".join(f"{one}@10.0.0.{one}:9093" for one in voters),
        "listeners": f"PLAINTEXT://{own}:9092,CONTROLLER://{own}:9093",
        "advertised.listeners": f"PLAINTEXT://{own}:9092",
    }
    if number not in brokers:
        given |= {"process.roles": "controller", "listeners": f"CONTROLLER://{own}:9093"}
        given |= {"advertised.listeners": None, "inter.broker.listener.name": None}
    if len(brokers) == 2:
        given |= dict.fromkeys(_FACTORS, "2") | dict.fromkeys(_IN_SYNC, "1")
    return given


class Cluster:
    """The section Kafka on these machines. `id` is the cluster's, once it is made."""

    def __init__(self, voters: list[Machine], brokers: list[Machine]) -> None:
        self.machines = voters
        self._voters, self._brokers = [one.number for one in voters], [one.number for one in brokers]
        self.id = ""

    def install(self) -> None:
        self.unpack(self.machines)
        once, *_ = lines("Kafka", 2)
        self.id = self.machines[0].run(once).split()[-1]
        with timed("Kafka: format and start"):
            self.begin(self.machines)
        self.await_brokers()
        on_all(self.machines, block("Kafka", 3))

    def unpack(self, group: list[Machine]) -> None:
        """Packages, user, download, settings."""
        with timed("Kafka: packages, user, download"):
            said = on_all(group, block("Kafka", 0))
        for text in said:
            published, computed = re.findall(r"\b[0-9a-f]{128}\b", text)
            assert published == computed
        on_all(group, block("Kafka", 1))
        for machine in group:
            set_in(machine, "etc/kafka/server.properties", properties(machine.number, self._voters, self._brokers))
            set_in(machine, "etc/kafka/kafka.env", {"KAFKA_HEAP_OPTS": "-Xms256m -Xmx256m"})

    def begin(self, group: list[Machine]) -> None:
        """Format with the cluster's id, and start."""
        _, *each, _ = lines("Kafka", 2)
        on_all(group, "\n".join(each).replace("ID", self.id))

    def await_brokers(self) -> None:
        """As many as there should be."""
        *_, last = lines("Kafka", 2)
        count = str(len(self._brokers))
        until(lambda: self.machines[0].run(last, check=False).split() == [count], 60, "as many as brokers", 1)

    def await_replicas(self) -> None:
        """As the text says, after an upgrade."""
        *_, command = lines("Upgrading", 1)
        until(lambda: self.machines[0].run(command, check=False) == "", 60, "no partition lacks a replica", 1)


def install_workers(group: list[Machine], settings: dict[str, str | None]) -> None:
    """The section Workers, without the archive."""
    with timed("Workers: packages"):
        said = on_all(group, block("Workers", 0))
    assert all(re.search(r"^tweetream \d", text, re.MULTILINE | re.IGNORECASE) for text in said), said
    on_all(group, block("Workers", 1))
    for machine in group:
        set_in(machine, "etc/tweetream/tweetream.env", settings)
    with timed("Workers: start, until they are ready"):
        assert all("ready" in text for text in on_all(group, block("Workers", 2)))


def install_proxy(machine: Machine) -> None:
    """The section on the proxy. The certificate is one of our own authority: no other gives any for posts.example."""
    packages, copy, *start = lines("The proxy", 0)
    machine.run(f"{packages}\n{copy}")
    path = machine.root / "etc/caddy/Caddyfile"
    text = path.read_text()
    assert text.count(f"{PROXY} {{") == 1
    path.write_text(text.replace(f"{PROXY} {{", f"{PROXY} {{\n\ttls /etc/{PROXY}.pem /etc/{PROXY}.key"))
    assert machine.run("\n".join(start)).endswith("ready\n")


def remove_all(machine: Machine) -> None:
    """The section Removing; units that the machine does not have are passed over, as the text says."""
    files = {path.name for path in (machine.root / "etc/systemd/system").iterdir()}
    for line in lines("Removing", 0):
        found = re.match(r"systemctl (?:disable --now|kill --signal=KILL) (\S+)", line)
        if found is None or {found[1], f"{found[1]}.service"} & files:
            machine.run(line)
