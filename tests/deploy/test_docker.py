"""docker-compose.yml run by a Docker engine, as README says: `make test-docker`. Prints a table.

The images that the engine would pull are stand-ins (`support/docker/images.py`); our own is built by our Dockerfile.
The tests are one story, in the order of this file: a client follows a feed through all that happens to the containers.
Kafka's own consumer, in Kafka's container, reads the feed at the end; Python's sqlite3 reads the archive.
"""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.docker import engine, images
from support.docker.deployment import Container, Deployment
from support.faults import chaos
from support.paths import ROOT
from support.waiting import until

pytestmark = pytest.mark.docker
RATE = 50
COUNTED = {"TWEETREAM_SOURCES": f"replay:/posts/posts.txt?rate={RATE}", "TWEETREAM_TOPICS": chaos.TOPIC}
TOKEN = "sesame-open"
WORKERS_GRACE, NET_BIND_SERVICE = 15, 1 << 10


def row(what: str, seconds: float, note: str = "") -> None:
    print(f"{what:<58}{seconds:>7.1f} s  {note}".rstrip(), flush=True)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    print()
    began = time.monotonic()
    with engine.running() as docker:
        version = docker.docker("version", "--format", "{{.Server.Version}}").strip()
        compose = images.install_compose(docker)
        images.make(docker)
        row("an engine, Compose and the images that stand in", time.monotonic() - began, f"Docker {version}, {compose}")
        made = Deployment(docker, TWEETREAM_API_TOKEN=TOKEN)
        chaos.numbered_lines(made.folder / "posts.txt", 500_000)
        yield made
        row("all of it", time.monotonic() - began)


@pytest.fixture(scope="module")
def reader(deployment: Deployment) -> Iterator[chaos.Client]:
    """Follows the counted feed through the proxy, whatever happens to the containers."""
    client = chaos.Client([deployment])
    yield client
    client.end()
    client.join(30)


def readme_commands() -> str:
    """The block of README that starts the containers."""
    (block,) = re.findall(r"```sh\n(export TWEETREAM_API_TOKEN.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert "docker compose up --build --scale worker=3" in block
    return str(block)


def goes_on(reader: chaos.Client) -> float:
    """Wait for two seconds' posts; how many seconds they took."""
    began, before = time.monotonic(), len(reader.seen)
    until(lambda: len(reader.seen) >= before + 2 * RATE, 90, "posts come through the proxy", 0.05)
    return time.monotonic() - began


def test_the_commands_of_readme_start_all_and_ctrl_c_ends_all(deployment: Deployment) -> None:
    began = time.monotonic()
    with deployment.in_foreground(readme_commands()) as shell:
        until(lambda: deployment.get("/readyz") == 200 or shell.poll() is not None, 600, "the page is there", 1)
        assert shell.poll() is None, (deployment.engine.folder / "foreground.log").read_text()[-3000:]
        deployment.wait_well(kafka=1, worker=3, proxy=1)
        row("README's commands, until all are healthy", time.monotonic() - began, "with the build of the image")
        page_through_the_proxy(deployment)
        until(lambda: sum(deployment.topics()["jakarta"]["posts"].values()), 60, "posts of the sample come")
        for container in deployment.containers():
            rights_of(deployment, container)
        began = time.monotonic()
        os.killpg(shell.pid, signal.SIGINT)
        shell.wait(120)
        row("Ctrl-C, until the command has ended", time.monotonic() - began)
    for container in deployment.containers():
        assert not container.state["Running"] and container.state["ExitCode"] in (0, 143), (
            container.name,
            container.state,
        )
    logs = deployment.compose("logs", "worker")
    assert "Traceback" not in logs and logs.count("worker-") > 10
    deployment.compose("down", "--volumes")


def page_through_the_proxy(deployment: Deployment) -> None:
    page = httpx.get(deployment.url)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    parts = re.findall(r'(?:src|href)="?(?!https?:|data:|#)([^"\s>]+)', page.text)  # served without needless quotes
    assert parts and {httpx.get(f"{deployment.url}/{part}").status_code for part in parts} == {200}
    assert deployment.get("/metrics") == 404, "the proxy keeps it to itself"
    assert httpx.post(f"{deployment.url}/topics", json={"name": "x"}).status_code == 401, "a change needs the token"


def rights_of(deployment: Deployment, container: Container) -> None:
    """User, capabilities, file system and networks of a container, asked in it."""
    status = deployment.inside(container, "cat", "/proc/1/status").stdout
    found = dict(re.findall(r"^(Uid|CapBnd|NoNewPrivs):\t(\S+)", status, re.MULTILINE))
    allowed = NET_BIND_SERVICE if container.service == "proxy" else 0
    assert (int(found["CapBnd"], 16), found["NoNewPrivs"]) == (allowed, "1"), container.name
    written = {place: deployment.inside(container, "touch", f"{place}/x").returncode == 0 for place in ("", "/tmp")}
    if container.service != "kafka":
        assert written == {"": False, "/tmp": True}, container.name
    if container.service == "worker":
        assert found["Uid"] == "10001"
        assert deployment.inside(container, "touch", "/var/lib/tweetream/x").returncode == 0
        assert deployment.inside(container, "touch", "/archive/x").returncode != 0
        assert leads_out(deployment, container), "what Kafka lacks is not lacking everywhere"
    if container.service == "kafka":
        assert found["Uid"] != "0" and not leads_out(deployment, container)
    if container.service == "proxy":
        assert deployment.inside(container, "getent", "hosts", "worker").returncode == 0
        assert deployment.inside(container, "getent", "hosts", "kafka").returncode != 0, "they share no network"


def leads_out(deployment: Deployment, container: Container) -> bool:
    """Whether a container reaches the proxy at its address in the other network."""
    (proxy,) = deployment.containers("proxy")
    (network,) = proxy.facts["NetworkSettings"]["Networks"].values()
    reach = f"exec 3<>/dev/tcp/{network['IPAddress']}/80"
    return deployment.inside(container, "timeout", "3", "bash", "-c", reach).returncode == 0


def test_counted_posts_come_through_the_proxy(deployment: Deployment, reader: chaos.Client) -> None:
    (deployment.folder / "posts").mkdir()
    (deployment.folder / "posts.txt").rename(deployment.folder / "posts" / "posts.txt")
    deployment.variables |= {**COUNTED, "POSTS": "./posts"}
    began = time.monotonic()
    deployment.compose("up", "--build", "--detach", "--scale", "worker=3")
    deployment.wait_well(kafka=1, worker=3, proxy=1)
    row("up --build --detach --scale worker=3, built before", time.monotonic() - began)
    until(lambda: chaos.TOPIC in deployment.topics(), 60, "the topic is there")
    reader.start()
    goes_on(reader)


def test_each_container_is_killed_and_started_by_the_engine(deployment: Deployment, reader: chaos.Client) -> None:
    for container in deployment.containers():
        began = time.monotonic()
        os.kill(container.state["Pid"], signal.SIGKILL)
        until(lambda c=container: restarts(deployment, c) > 0, 60, f"{container.name} starts again", 0.1)  # type: ignore[misc]
        deployment.wait_well(kafka=1, worker=3, proxy=1)
        well = time.monotonic() - began
        row(f"kill -9 of {container.service}, until it is healthy", well, f"posts after {goes_on(reader):.1f} s more")


def restarts(deployment: Deployment, container: Container) -> int:
    found = json.loads(deployment.engine.docker("inspect", container.id))[0]
    return int(found["RestartCount"]) if found["State"]["Running"] else 0


def test_each_service_is_restarted_within_its_grace(deployment: Deployment, reader: chaos.Client) -> None:
    for service, count in {"kafka": 1, "worker": 3, "proxy": 1}.items():
        began = time.monotonic()
        deployment.compose("restart", service)
        restarted = time.monotonic() - began
        deployment.wait_well(**{service: count})
        row(f"restart {service}, until it is healthy", time.monotonic() - began, f"the command {restarted:.1f} s")
        goes_on(reader)


def test_workers_are_scaled_to_one_and_to_four(deployment: Deployment, reader: chaos.Client) -> None:
    for count in (1, 4):
        began = time.monotonic()
        deployment.compose("up", "--detach", "--no-recreate", "--scale", f"worker={count}")
        deployment.wait_well(worker=count)
        row(f"up --scale worker={count}, until all are healthy", time.monotonic() - began)
        goes_on(reader)
    for worker in deployment.containers("worker"):
        began = time.monotonic()
        deployment.engine.docker("stop", "--time", "60", worker.id)
        took = time.monotonic() - began
        (after,) = [c for c in deployment.containers("worker") if c.id == worker.id]
        assert after.state["ExitCode"] == 0 and took < WORKERS_GRACE, (after.state, took)
        row(f"stop {worker.name}", took, f"its grace is {WORKERS_GRACE} s")
        deployment.engine.docker("start", worker.id)
        deployment.wait_well(worker=4)


def test_down_and_up_again_goes_on_where_it_was(deployment: Deployment, reader: chaos.Client) -> None:
    before = deployment.topics()
    began = time.monotonic()
    deployment.compose("down")
    row("down", time.monotonic() - began)
    assert deployment.containers() == []
    began = time.monotonic()
    deployment.compose("up", "--detach", "--scale", "worker=3")
    deployment.wait_well(kafka=1, worker=3, proxy=1)
    after = until(deployment.topics, 60, "topics")
    assert after[chaos.TOPIC]["kafka_topic"] == before[chaos.TOPIC]["kafka_topic"]
    row("up again, until all are healthy", time.monotonic() - began, f"posts after {goes_on(reader):.1f} s more")


def test_the_archive_has_each_post_of_the_feed_once(deployment: Deployment, reader: chaos.Client) -> None:
    deployment.variables["TWEETREAM_ARCHIVE"] = "sqlite:////archive/posts.db"
    began = time.monotonic()
    deployment.compose("--profile", "archive", "up", "--detach", "--scale", "worker=3")
    deployment.wait_well(kafka=1, worker=3, proxy=1, archive=1)
    row("--profile archive up, until all are healthy", time.monotonic() - began)
    goes_on(reader)
    (archive,) = deployment.containers("archive")
    os.kill(archive.state["Pid"], signal.SIGKILL)
    until(lambda: restarts(deployment, archive) > 0, 60, "the archiver starts again", 0.1)
    last = reader.seen[-1]
    file = deployment.volume("archive") / "posts.db"
    began = time.monotonic()
    until(lambda: last in archived(file), 90, "the archiver has what the client has", 0.5)
    row("the archiver after kill -9, until it has all posts", time.monotonic() - began)
    assert not [number for number, times in Counter(archived(file)).items() if times > 1]
    assert set(range(1, last + 1)) <= set(archived(file)), "from the feed's first post on"
    found = httpx.get(f"{deployment.url}/search", params={"q": f"nomor {last}"}).json()["posts"]
    assert [chaos.number_of(json.dumps(post)) for post in found] == [last]


def archived(file: Path) -> list[int]:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        return [int(text.split()[1]) for (text,) in database.execute("SELECT text FROM posts")]


def test_the_load_test_runs_beside_it_on_two_loaders(deployment: Deployment, reader: chaos.Client) -> None:
    deployment.variables |= {"STAGES": "4,20", "STAGE_SECONDS": "10", "MOST_MS": "2000"}
    load = ["--profile", "load", "up", "--build", "--no-deps", "--scale", "loader=2", "--exit-code-from", "load"]
    assert " ".join(["docker compose", *load, "load loader"]) in (ROOT / "load" / "README.md").read_text()
    began = time.monotonic()
    said = deployment.compose(*load, "load", "loader")
    row("--profile load up, two stages of 10 s", time.monotonic() - began, "with the build of the image")
    table = [line.split("|")[1].split() for line in said.splitlines() if line.startswith("load-1")]
    rows = [cells for cells in table if cells[:1] in (["4"], ["20"]) and len(cells) >= 8]
    assert rows and all(int(cells[1]) > 0 and cells[6:8] == ["0", "0"] for cells in rows), said[-3000:]
    deployment.wait_well(kafka=1, worker=3, proxy=1)
    goes_on(reader)


def test_nothing_was_lost_and_the_client_saw_nothing_twice(deployment: Deployment, reader: chaos.Client) -> None:
    goes_on(reader)
    last = reader.seen[-1]
    feed = by_kafkas_consumer(deployment)
    lost = set(range(1, last + 1)) - set(feed), set(range(1, last + 1)) - set(reader.seen)
    doubled = [number for number, times in Counter(reader.seen).items() if times > 1]
    print(
        f"{last:,} posts read; lost in the feed {len(lost[0])}, at the client {len(lost[1])}; doubled to the client "
        f"{len(doubled)}, gaps {len(reader.gaps)}; redelivered in the feed {len(feed) - len(set(feed))}; "
        f"streams {reader.streams}, longest pause {reader.longest_pause:.1f} s"
    )
    assert (lost, doubled, reader.gaps, reader.odd) == ((set(), set()), [], [], [])


def by_kafkas_consumer(deployment: Deployment) -> list[int]:
    """The numbers in the feed, in its order."""
    (kafka,) = deployment.containers("kafka")
    topic = deployment.topics()[chaos.TOPIC]["kafka_topic"]
    until_quiet = ["--from-beginning", "--max-messages", str(end_of(deployment, kafka, topic))]
    line = ["/opt/kafka/bin/kafka-console-consumer.sh", "--bootstrap-server", "kafka:9092", "--topic", topic]
    read: subprocess.CompletedProcess[str] = deployment.inside(kafka, *line, *until_quiet)
    assert read.returncode == 0, read.stderr[-1000:]
    return [chaos.number_of(post) for post in read.stdout.splitlines()]


def end_of(deployment: Deployment, kafka: Container, topic: str) -> int:
    line = ["/opt/kafka/bin/kafka-get-offsets.sh", "--bootstrap-server", "kafka:9092", "--topic", topic]
    return int(deployment.inside(kafka, *line).stdout.strip().rpartition(":")[2])
