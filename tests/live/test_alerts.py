"""Alerts reach a real receiver: each once, also while workers die in the middle of a request."""

import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.alert_receiver import SECRET, AlertReceiver, alert_receiver
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import Worker, workers, write_lines

from tweetream.kafka.embedded import EmbeddedBroker

EVERY = {"alert": {"when": "every"}}
KILLS = 20


def edit(worker: Worker, name: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.patch(f"{worker.url}/topics/{name}", json=body, timeout=20)


def alerted(receiver: AlertReceiver) -> list[str]:
    """The ids of the posts in all alerts, in no order."""
    return [post["id"] for alert in list(receiver.alerts.values()) for post in alert["posts"]]


def fed(worker: Worker, name: str) -> list[str]:
    posts: list[str] = []
    after = ""
    while True:
        page = httpx.get(f"{worker.url}/topics/{name}/posts?last=1000{after}", timeout=20).json()
        posts = [*(post["id"] for post in page["posts"]), *posts]
        if page["before"] is None:
            return posts
        after = f"&before={page['before']}"


def test_a_rule_that_is_kept_with_its_topic_tells_the_receiver_of_each_post(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "posts.txt", [f"macet {number}" for number in range(60)])
    with alert_receiver() as receiver:
        settings = {"ALERT_URL": receiver.url, "ALERT_SECRET": SECRET, "SOURCES": f"replay:{file}?rate=10"}
        with workers(1, embedded_broker.url, "alerts", tmp_path, TOPICS="macet,lain", **settings) as (worker,):
            until(lambda: worker.count("macet") > 5, 30, "posts")
            bad = edit(worker, "macet", {"alert": {"when": "every", "label": "tidak-ada"}})
            assert bad.status_code == 400 and "label is one of" in bad.json()["detail"]
            for body in ({}, {"alert": {"when": "surge", "minutes": 61}}, {"alert": {"when": "every", "x": 1}}):
                assert edit(worker, "macet", body).status_code == 400
            early = len(fed(worker, "macet"))
            shown = edit(worker, "macet", EVERY).json()
            assert shown["alert"]["when"] == "every" and shown["track"] == ["macet"]
            assert worker.topics()["macet"]["alert"] == shown["alert"] and "alert" not in worker.topics()["lain"]
            assert "alert_problem" not in shown and httpx.get(f"{worker.url}/alerts").json()["sends"] is True
            until(lambda: worker.count("macet") == 60, 30, "all posts")
            expected = fed(worker, "macet")
            until(lambda: expected[-1] in alerted(receiver), 15, "the last post")
            told = alerted(receiver)
            assert sorted(told) == sorted(set(told)), "each once"
            assert set(expected[early + 5 :]) <= set(told) <= set(expected[early:]), "from the rule on"
            assert receiver.bad == [] and set(receiver.came.values()) == {1}
            assert worker.metric("tweetream_alerts_total", outcome="delivered") == len(receiver.alerts)
            assert "alert" not in edit(worker, "macet", {"alert": None}).json()
            changes = httpx.get(f"{worker.url}/changes").json()
            assert [change["what"] for change in changes if change["topic"] == "macet"] == ["add", "edit", "edit"]


@pytest.mark.soak
@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_each_alert_comes_once_through_20_kills_of_workers(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    """An alert comes a second time only if its worker is killed before it heard the answer; then with the same id."""
    chance = random.Random(20)
    file = write_lines(tmp_path / "posts.txt", [f"macet {number}" for number in range(100_000)])
    with alert_receiver() as receiver:
        receiver.status = lambda: 204 if chance.random() < 0.9 else chance.choice([500, 503, 429])
        receiver.before_answer = lambda: time.sleep(0.005)
        settings = {"ALERT_URL": receiver.url, "ALERT_SECRET": SECRET, "SOURCES": f"replay:{file}?rate=20"}
        with workers(3, apache_kafka.url, namespace, tmp_path, TOPICS="macet", **settings) as group:
            until(lambda: all("macet" in worker.topics() for worker in group), 60, "the topic")
            early = set(fed(group[0], "macet"))  # and those that come before the rule is set
            assert edit(group[0], "macet", EVERY).status_code == 200
            until(lambda: receiver.alerts, 60, "the first alert")
            first = alerted(receiver)[0]
            doubtful: set[str] = set()
            for kill in range(KILLS):
                before = len(receiver.alerts)
                until(lambda before=before: len(receiver.alerts) > before + 1, 90, f"alerts before kill {kill}", 0.02)
                victim = until(lambda: chaos.streaming(group), 30, "the worker that streams")
                doubtful |= _kill_in_a_request(receiver, victim) if kill % 5 == 4 else _kill(receiver, victim, chance)
                victim.start()
                until(victim.is_ready, 60, "ready again")
            posts = fed(group[0], "macet")
            expected = set(posts[posts.index(first) :])
            until(lambda: expected <= set(alerted(receiver)), 120, "all posts so far")
            assert not early & set(alerted(receiver))
        told = alerted(receiver)
        repeated = {id for id, times in receiver.came.items() if times > 1}
        print(
            f"\n{len(receiver.alerts)} alerts of {len(told)} posts, {len(doubtful)} in doubt, {len(repeated)} repeated"
        )
        assert len(told) == len(set(told)), "no post is in two alerts"
        assert repeated <= doubtful and all(len(bodies) == 1 for bodies in receiver.bodies.values())
        assert receiver.bad == []


def _kill(receiver: AlertReceiver, victim: Worker, chance: random.Random) -> set[str]:
    """Kill a worker at any moment. Returns the alerts to which it may not have heard the answer."""
    time.sleep(chance.uniform(0, 1.5))
    came = set(receiver.came)
    victim.kill()
    return receiver.busy | (set(receiver.came) - came)


def _kill_in_a_request(receiver: AlertReceiver, victim: Worker) -> set[str]:
    """Kill it when the receiver has taken an alert and has not answered."""
    killed = threading.Event()

    def kill() -> None:
        if not killed.is_set():
            killed.set()
            victim.kill()

    usual, receiver.before_answer = receiver.before_answer, kill
    before = set(receiver.busy)
    until(killed.is_set, 60, "a request", 0.005)
    doubtful = before | set(receiver.busy)
    receiver.before_answer = usual
    until(lambda: victim.process is not None and victim.process.poll() is not None, 10, "killed")
    return doubtful | {list(receiver.came)[-1]}
