"""REST of a running worker: topics added and deleted; who may do so is in statements/ and test_rules."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from httpx_sse import connect_sse
from support.kafka.apache_kafka import KafkaAddress
from support.sse import events_of
from support.waiting import until
from support.workers import Worker, workers

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker with a token and an allowed origin, and posts that match `hujan` and `jalan`, five a second."""
    from tweetream.kafka.embedded import EmbeddedBroker

    folder = tmp_path_factory.mktemp("rest")
    file = folder / "posts.txt"
    file.write_text("".join(f"hujan di jalan {number}\n" for number in range(5)))
    settings = {
        "SOURCES": f"replay:{file}?rate=10&loop=true",
        "TOPICS": "hujan",
        "API_TOKEN": TOKEN,
        "CORS_ORIGINS": "https://desk.example.org",
    }
    with (
        EmbeddedBroker(folder) as broker,
        workers(1, broker.url, "rest", folder, **settings) as group,
    ):
        until(lambda: "hujan" in group[0].topics(), 20, "the topic of the settings")
        yield group[0]


def post(worker: Worker, body: object, **headers: str) -> httpx.Response:
    return httpx.post(f"{worker.url}/topics", json=body, headers=worker.auth | headers, timeout=20)


def delete(worker: Worker, name: str) -> httpx.Response:
    return httpx.delete(f"{worker.url}/topics/{name}", headers=worker.auth, timeout=20)


def test_a_topic_that_is_added_gets_its_posts_and_one_that_is_deleted_ends(worker: Worker) -> None:
    answer = post(worker, {"name": "jalan"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/topics/jalan"
    assert answer.json()["track"] == ["jalan"]
    assert answer.json()["kafka_topic"].startswith("rest-feed-jalan-")
    names: list[str] = []
    with httpx.Client(timeout=20) as client, connect_sse(client, "GET", f"{worker.url}/feeds/jalan") as source:
        for event in events_of(source):
            if not names:
                assert delete(worker, "jalan").status_code == 204
            names.append(event.event)
    assert names[0] == "message"
    assert names[-1] == "deleted", "the stream ends with the event"
    assert httpx.get(f"{worker.url}/topics/jalan").status_code == 404
    assert delete(worker, "jalan").status_code == 404
    assert httpx.get(f"{worker.url}/feeds/jalan").status_code == 204, "a browser must not come back"


def test_a_new_topic_can_have_its_rule_for_alerts(worker: Worker) -> None:
    rule = {"when": "surge", "label": "traffic", "least": 3}
    made = post(worker, {"name": "siaga", "alert": rule})
    assert made.status_code == 201
    assert made.json()["alert"] == {**rule, "factor": 3.0, "minutes": 10, "quiet": None, "zone": "UTC"}
    assert worker.topics()["siaga"]["alert"] == made.json()["alert"]
    sent = httpx.get(f"{worker.url}/alerts").json()
    assert (sent["sends"], sent["reason"]) == (False, made.json()["alert_problem"]), "this worker has no address"
    for same in ({"alert": rule}, {}, {"alert": None}):
        assert post(worker, {"name": "siaga", **same}).status_code == 200
    other = post(worker, {"name": "siaga", "alert": {"when": "every"}})
    assert other.status_code == 409 and "PATCH /topics/siaga" in other.json()["detail"]
    for bad in ({}, {"when": "sometimes"}, {"when": "every", "zone": "Nowhere"}, {"when": "every", "label": "no"}):
        assert post(worker, {"name": "lain", "alert": bad}).status_code == 400
    assert "lain" not in worker.topics()
    command = ["topics", "add", "awas", "--alert", "every", "--alert-label", "traffic", "--url", worker.url]
    environment = os.environ | {"TWEETREAM_API_TOKEN": TOKEN}
    ran = subprocess.run(
        [sys.executable, "-m", "tweetream", *command], env=environment, capture_output=True, timeout=60
    )
    assert ran.returncode == 0 and b"TWEETREAM_ALERT_URL" in ran.stderr
    assert worker.topics()["awas"]["alert"]["label"] == "traffic"
    for name in ("siaga", "awas"):
        delete(worker, name)


def test_the_same_topic_twice_is_harmless_and_another_track_is_a_conflict(worker: Worker) -> None:
    assert post(worker, {"name": "dua", "track": ["Hujan", "#jalan raya"]}).status_code == 201
    again = post(worker, {"name": "dua", "track": ["jalan raya", "hujan", "HUJAN"]})
    assert again.status_code == 200, "the same track as a set, normalised"
    other = post(worker, {"name": "dua", "track": ["hujan"]})
    assert other.status_code == 409
    assert "jalan raya" in other.json()["detail"]
    assert httpx.get(f"{worker.url}/topics/dua").json()["track"] == ["hujan", "jalan raya"]
    assert delete(worker, "dua").status_code == 204


def test_a_topic_deleted_and_added_again_is_another_one(worker: Worker) -> None:
    first = post(worker, {"name": "lagi"}).json()["kafka_topic"]
    delete(worker, "lagi")
    second = post(worker, {"name": "lagi"})
    assert second.status_code == 201
    assert second.json()["kafka_topic"] != first
    assert second.json()["posts"] == {}
    delete(worker, "lagi")


def test_posts_come_newest_last_with_positions_that_a_stream_takes(worker: Worker) -> None:
    until(lambda: worker.count("hujan") > 5, 20, "posts")
    page = httpx.get(f"{worker.url}/topics/hujan/posts?last=3").json()
    assert len(page["posts"]) == 3
    assert page["before"] == page["posts"][0]["position"]
    assert page["after"] == page["posts"][-1]["position"]
    with (
        httpx.Client(timeout=20) as client,
        connect_sse(client, "GET", f"{worker.url}/feeds/hujan?last_event_id={page['before']}") as source,
    ):
        event = next(events_of(source))
    assert event.id == page["posts"][1]["position"]


def test_stats_count_the_posts_of_each_minute(worker: Worker) -> None:
    until(lambda: worker.count("hujan") > 5, 20, "posts")
    rows = httpx.get(f"{worker.url}/topics/hujan/stats?minutes=10").json()
    assert len(rows) == 10
    assert rows[-1]["minute"].endswith(":00.000Z")
    counted = sum(sum(row["labels"].values()) for row in rows)
    assert 0 < counted <= worker.count("hujan")


@pytest.mark.parametrize(("method", "path"), [("PUT", "/topics"), ("POST", "/feeds/x"), ("DELETE", "/")])
def test_another_method_is_405(worker: Worker, method: str, path: str) -> None:
    answer = httpx.request(method, worker.url + path)
    assert answer.status_code == 405
    assert answer.json()["status"] == 405


@pytest.mark.parametrize("path", ["/nowhere", "/topics/nowhere", "/static/../app.py"])
def test_what_is_not_there_is_404(worker: Worker, path: str) -> None:
    answer = httpx.get(worker.url + path)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/topics", "/nowhere", "/feeds/hujan", "/openapi.json"])
def test_every_answer_forbids_what_the_page_does_not_need(worker: Worker, path: str) -> None:
    with httpx.stream("GET", worker.url + path) as answer:
        headers = answer.headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    own, none = "'self'", "'none'"
    assert policy == {
        **dict.fromkeys(["default-src", "base-uri", "form-action", "frame-ancestors", "trusted-types"], none),
        **dict.fromkeys(["script-src", "style-src", "connect-src"], own),
        "img-src": "'self' data:",
        "require-trusted-types-for": "'script'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(headers["Permissions-Policy"].split(", "))


def test_the_page_and_its_files_come_and_name_no_other_host(worker: Worker) -> None:
    page = httpx.get(worker.url + "/")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "style=" not in page.text and "<style" not in page.text and "<script>" not in page.text
    paths = set(re.findall(r"""=["']?static/([^"' >]+)""", page.text))
    assert paths
    for path in paths:
        assert httpx.get(f"{worker.url}/static/{path}").status_code == 200
    assert "http" not in page.text.replace("http://www.w3.org", ""), "no request to any other host"


def test_a_request_cut_in_the_middle_harms_nobody(worker: Worker) -> None:
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", worker.port)) as connection:
            connection.sendall(b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    assert worker.get("/livez") == 200


def test_the_shell_lists_adds_and_deletes(worker: Worker) -> None:
    import subprocess
    import sys

    def shell(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tweetream", "topics", *words, "--url", worker.url]
        token = {"TWEETREAM_API_TOKEN": TOKEN}
        return subprocess.run(command, env=os.environ | token, capture_output=True, text=True, timeout=60, check=False)

    added = shell("add", "kulit", "--track", "Kulit Manggis", "--track", "hujan")
    assert (added.returncode, added.stdout) == (0, "kulit: hujan, kulit manggis\n")
    assert "kulit" in shell("list").stdout
    assert shell("delete", "kulit").returncode == 0
    gone = shell("delete", "kulit")
    assert gone.returncode == 2
    assert gone.stderr == "tweetream: 404: there is no topic kulit\n"


def test_a_deleted_feed_leaves_kafka_and_the_others_go_on(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    async def present() -> set[str]:
        client = AIOKafkaAdminClient(bootstrap_servers=apache_kafka.bootstrap)
        await client.start()
        try:
            return set(await client.list_topics())
        finally:
            await client.close()

    settings = {"TOPICS": "tetap", "SWEEP_INTERVAL": "1s"}
    with workers(2, apache_kafka.url, namespace, tmp_path, **settings) as group:
        until(lambda: all("tetap" in worker.topics() for worker in group), 20, "the first topic")
        kept = group[0].topics()["tetap"]["kafka_topic"]
        feeds = [post(group[number % 2], {"name": f"t{number}"}).json()["kafka_topic"] for number in range(4)]
        assert set(feeds) <= asyncio.run(present())
        until(lambda: "t3" in group[0].topics() and "t2" in group[1].topics(), 10, "topics in step everywhere")
        for number in range(4):
            assert httpx.delete(f"{group[1 - number % 2].url}/topics/t{number}").status_code == 204
        until(lambda: not set(feeds) & asyncio.run(present()), 30, "the feeds are gone from Kafka", 0.5)
        assert kept in asyncio.run(present())


def test_two_workers_that_add_the_same_name_at_once_agree(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    async def race(urls: list[str]) -> list[int]:
        async with httpx.AsyncClient(timeout=30) as client:
            body = {"name": "sama"}
            answers = await asyncio.gather(*(client.post(f"{url}/topics", json=body) for url in urls * 4))
        return sorted(answer.status_code for answer in answers)

    with workers(2, apache_kafka.url, namespace, tmp_path) as group:
        assert asyncio.run(race([worker.url for worker in group])) == [200] * 7 + [201]
        until(lambda: len({str(worker.topics()["sama"]["kafka_topic"]) for worker in group}) == 1, 10, "one feed")


def test_terms_with_signs_reach_the_feeds_and_one_that_can_match_nothing_is_named(worker: Worker) -> None:
    for term, reason in (("hujan -hujan", "matches no post"), ('"hujan', "not closed"), ("?!", "no words")):
        answer = post(worker, {"name": "salah", "track": ["jalan", term]})
        assert answer.status_code == 400 and reason in answer.json()["detail"]
    answer = post(worker, {"name": "tanda", "track": ["Jalan AND huj* -3", "*xyz*"]})
    assert (answer.status_code, answer.json()["track"]) == (201, ["*xyz*", "huj* & jalan -3"])
    with httpx.Client(timeout=20) as client, connect_sse(client, "GET", f"{worker.url}/feeds/tanda") as source:
        events = (event for event in events_of(source) if event.event == "message")
        texts = [json.loads(next(events).data)["text"] for _ in range(8)]
    assert {text[-1] for text in texts} == set("0124")
