"""Each alert fires at a real fault and clears when the fault is mended; prints a table. Two workers, Apache Kafka."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.alert_receiver import SECRET, AlertReceiver, alert_receiver
from support.faults import chaos
from support.faults.moody_network import MoodyNetwork
from support.faults.of_workers import (
    again_and_again,
    alerts_of_each_post,
    connections,
    killed,
    of_another_release,
    open_connection,
    stopped,
)
from support.kafka.apache_kafka import ApacheKafka
from support.kafka.plain_clients import write_values
from support.prometheus import RULES, Prometheus, hastened
from support.waiting import until
from support.workers import Worker

from tweetream.kafka import admin
from tweetream.kafka.connection import Connection

pytestmark = [pytest.mark.soak, pytest.mark.kafka, pytest.mark.promtool]
PACE = 60
# What counts in time, or in what a test can make.
THRESHOLDS = {"> 600": "> 6", "> 20 or": "> 2 or", "> 1000": "> 100"}
STREAMS, EACH = 20, 60
NAMESPACE = "alerts"


class Scene:
    """Two workers, their Kafka, a network and a receiver that can be made to fail, and Prometheus."""

    def __init__(
        self,
        kafka: ApacheKafka,
        workers: list[Worker],
        network: MoodyNetwork,
        receiver: AlertReceiver,
        prometheus: Prometheus,
    ) -> None:
        self.kafka, self.workers, self.network, self.prometheus = kafka, workers, network, prometheus
        self.receiver = receiver
        self.tried: set[str] = set()

    def calm(self, timeout: float = 90.0) -> None:
        until(lambda: not self.prometheus.firing(), timeout, f"no alert: {self.prometheus.firing()}", 0.5)

    def try_out(self, fault: str, make: Callable[[ExitStack], object], *alerts: str) -> None:
        """Make a fault until these alerts fire, mend it, and wait until none does. The stack mends."""
        self.calm()
        began = time.monotonic()
        with ExitStack() as stack:
            make(stack)
            fired = {}
            for alert in alerts:
                name = f"Tweetream{alert}"
                until(lambda name=name: name in self.prometheus.firing(), 90, f"{name} at: {fault}", 0.5)  # type: ignore[misc]
                fired[alert] = time.monotonic() - began
        mended = time.monotonic()
        self.calm()
        cleared = time.monotonic() - mended
        for alert in alerts:
            self.tried.add(alert)
            print(f"{alert:<20}{fault:<52}{fired[alert]:>4.0f} s to fire{cleared:>4.0f} s to clear", flush=True)

    def streaming(self) -> tuple[Worker, Worker]:
        """The worker that runs the sources, and the other."""
        one = until(lambda: chaos.streaming(self.workers), 60, "somebody streams")
        (other,) = [worker for worker in self.workers if worker is not one]
        return one, other


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("alerts")
    posts = folder / "posts.txt"
    posts.write_text("".join(f"macet nomor {number} {'x' * 800}\n" for number in range(1000)))
    with ApacheKafka() as kafka, MoodyNetwork() as network, alert_receiver() as receiver:
        settings = {
            "SOURCES": f"replay:{posts}?rate=100&loop=true bluesky:?url={network.url}",
            "TOPICS": "macet,sepi",
            "MAX_STREAMS": STREAMS,
            "MAX_STREAMS_PER_ADDRESS": EACH,
            "SLOW_CLIENT_TIMEOUT": "2s",
            "SESSION_TIMEOUT": "20s",
            "ALERT_URL": receiver.url,
            "ALERT_SECRET": SECRET,
        }
        group = [Worker(kafka.url, NAMESPACE, folder, **settings).start() for _ in range(2)]
        try:
            for worker in group:
                worker.wait_ready()
            with Prometheus(folder, group, hastened(RULES.read_text(), PACE, THRESHOLDS)) as prometheus:
                until(lambda: len(prometheus.ask("tweetream_source_silence_seconds")) == 2, 30, "both sources are seen")
                print()
                yield Scene(kafka, group, network, receiver, prometheus)
        finally:
            for worker in group:
                worker.kill()


def kafka_stands_still(scene: Scene, seconds: float) -> None:
    with stopped(scene.kafka.pid()):
        time.sleep(seconds)


def test_faults_of_sources(scene: Scene) -> None:
    def refused(stack: ExitStack) -> None:
        """A source that was refused is read again by a new worker."""
        for worker in scene.workers:
            stack.callback(worker.wait_ready)
        for worker in scene.workers:
            stack.callback(worker.start)
            stack.callback(worker.kill)
        stack.enter_context(scene.network.mood("leaves"))
        time.sleep(1)
        stack.enter_context(scene.network.mood("refuses"))

    scene.try_out(
        "a source posts nothing", lambda stack: stack.enter_context(scene.network.mood("silent")), "SourceSilent"
    )
    scene.try_out(
        "a source sends no JSON", lambda stack: stack.enter_context(scene.network.mood("garbage")), "MalformedPosts"
    )
    scene.try_out(
        "a source closes each connection",
        lambda stack: stack.enter_context(scene.network.mood("leaves")),
        "SourceReconnects",
    )
    scene.try_out("a source answers 403; both workers start again", refused, "SourceRefused")


def test_faults_of_clients(scene: Scene) -> None:
    worker = scene.workers[0]

    def cut_off(stack: ExitStack) -> None:
        stack.enter_context(
            again_and_again(lambda: stack.enter_context(open_connection(worker, "/feeds/macet?last=1000")), 0.25)
        )

    scene.try_out(
        "18 of 20 streams are open",
        lambda stack: stack.enter_context(connections(worker, "/feeds/sepi", 18)),
        "WorkerFull",
    )
    scene.try_out(
        "300 connections of one address",
        lambda stack: stack.enter_context(connections(worker, "/livez", 300)),
        "ConnectionsRefused",
    )
    scene.try_out("clients that read nothing", cut_off, "ClientsCutOff")


def test_faults_of_kafka(scene: Scene) -> None:
    feed = scene.workers[0].topics()["macet"]["kafka_topic"]

    def delete_feed() -> None:
        asyncio.run(admin.delete(Connection([scene.kafka.bootstrap]), [feed]))

    scene.try_out(
        "garbage in the topic posts",
        lambda _: write_values(scene.kafka.bootstrap, f"{NAMESPACE}-posts", b"garbage"),
        "DeadLetters",
    )
    scene.try_out(
        "a feed's Kafka topic is deleted again and again",
        lambda stack: stack.enter_context(again_and_again(delete_feed, 1)),
        "NothingFed",
        "FeedWaiting",
    )
    scene.try_out(
        "Kafka stands still",
        lambda stack: stack.enter_context(stopped(scene.kafka.pid())),
        "NotReady",
        "NothingRead",
    )
    with subprocess.Popen(["curl", "-sN", f"{scene.workers[0].url}/feeds/macet"], stdout=subprocess.DEVNULL) as reader:
        scene.try_out(
            "Kafka stands still for 3 s again and again",
            lambda stack: stack.enter_context(again_and_again(lambda: kafka_stands_still(scene, 3), 2)),
            "SlowDelivery",
        )
        reader.kill()


def test_faults_of_workers(scene: Scene, tmp_path: Path) -> None:
    other = scene.streaming()[1]

    def stutter() -> None:
        with stopped(other.pid):
            time.sleep(1.5)

    scene.try_out(
        "a worker stands still for 1.5 s again and again",
        lambda stack: stack.enter_context(again_and_again(stutter, 0.3)),
        "EventLoopDelayed",
    )
    scene.try_out(
        "kill -9 of a worker",
        lambda stack: stack.enter_context(killed(scene.streaming()[1])),
        "WorkersMissing",
        "Lag",
    )
    scene.try_out(
        "a worker of another release",
        lambda stack: stack.enter_context(of_another_release(scene.streaming()[1], tmp_path / "other")),
        "VersionsDiffer",
    )


def test_a_receiver_that_takes_no_alerts(scene: Scene) -> None:
    scene.receiver.status = lambda: 410
    scene.try_out(
        "a receiver of alerts answers 410",
        lambda stack: stack.enter_context(alerts_of_each_post(scene.workers[0], "macet")),
        "AlertsNotDelivered",
    )


def test_without_any_worker_every_alert_fires(scene: Scene) -> None:
    names = sorted(rule["name"].removeprefix("Tweetream") for rule in scene.prometheus.rules())
    before = set(scene.tried)
    scene.try_out(
        "both workers are dead", lambda stack: [stack.enter_context(killed(worker)) for worker in scene.workers], *names
    )
    assert [rule for rule in scene.prometheus.rules() if rule["health"] != "ok"] == []
    assert before in (set(names), set()), "each has a fault of its own, where the tests before this one ran"
