"""Who may have streams and change topics, what pages of other sites get, and what a worker says of itself."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from support.raw_streams import Stream, refusal, streams
from support.shared_worker import ALL, ALLOWED, EACH, TOKEN
from support.waiting import until
from support.workers import Worker

FEED = "/feeds/sepi"
FOREIGN = "https://attacker.example"
BODIES = [
    b"", b"{", b"[]", b"5", b'"x"', b'{"name": 5}', b'{"name": "Jakarta"}', b'{"name": ""}', b'{"name": "-x"}',
    b'{"name": "' + b"x" * 65 + b'"}', b'{"name": "x", "track": []}', b'{"name": "x", "track": ["@name"]}',
    b'{"name": "x", "track": "x"}', b'{"name": "x", "track": [5]}', b'{"name": "x", "track": ["' + b"y" * 101 + b'"]}',
    b'{"name": "x", "track": [' + b",".join(b'"w%d"' % number for number in range(101)) + b"]}",
    b'{"name": "x", "surprise": true}', b'{"name": "x\xff"}', b'{"name": "x\\ud800"}', b"[" * 100_000,
]  # fmt: skip
WHO: list[tuple[Any, int]] = [
    ({"Host": "attacker.example"}, 401),
    ({"Host": "attacker.example", "Origin": "http://attacker.example"}, 401),
    ({"Origin": FOREIGN}, 403),
    ({"Origin": "null"}, 403),
    ({"X-Forwarded-For": "127.0.0.1"}, 401),
    ({"Forwarded": "for=127.0.0.1"}, 401),
    ({"Authorization": "Bearer wrong"}, 403),
    ({"Authorization": b"Bearer \xff"}, 403),
    ({"Authorization": f"Basic {TOKEN}"}, 403),
    ({"Origin": FOREIGN, "Authorization": f"Bearer {TOKEN}"}, 403),
    ({"Host": "attacker.example", "Authorization": f"Bearer {TOKEN}"}, 404),  # who may, and there is no such topic
    ({"Origin": ALLOWED, "Authorization": f"Bearer {TOKEN}"}, 404),
    ({"Host": "localhost:7"}, 401),  # also from this machine, since a proxy may hide its clients
    ({"Host": "[::1]"}, 401),
]


def test_limits_of_an_address_and_in_all_hold_and_what_a_refused_client_gets_is_documented(worker: Worker) -> None:
    """Statement 13. Limits a client address and in all hold, and what a refused client gets is documented."""
    with streams(worker, EACH, FEED, "203.0.113.1"):
        for method in ("GET", "HEAD"):
            assert refusal(worker, FEED, "203.0.113.1", method) == 429
            assert refusal(worker, FEED, "203.0.113.2", method) == 200, "the others are served"
        with streams(worker, ALL - EACH, FEED, "203.0.113.2"):
            for method in ("GET", "HEAD"):
                assert refusal(worker, FEED, "203.0.113.3", method) == 503
            assert worker.get("/livez") == 200
            assert worker.get("/topics/sepi/posts") == 200
        assert refusal(worker, FEED, "203.0.113.3") == 200
    assert refusal(worker, FEED, "203.0.113.1") == 200, "a place is free again when its stream is over"
    described = httpx.get(f"{worker.url}/openapi.json").json()["paths"]["/feeds/{names}"]["get"]["responses"]
    for status in ("429", "503"):
        assert described[status]["description"]
        assert "application/problem+json" in described[status]["content"]


def test_preflight_passes_for_an_allowed_origin_and_another_gets_nothing(worker: Worker) -> None:
    """Statement 15. Preflight passes for Last-Event-ID and Authorization; Vary: Origin; another origin gets nothing."""
    ask = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,last-event-id"}
    for path in (FEED, "/topics", "/topics/x"):
        passed = httpx.options(worker.url + path, headers={"Origin": ALLOWED, **ask})
        assert passed.status_code == 204
        allowed = {name.strip().lower() for name in passed.headers["Access-Control-Allow-Headers"].split(",")}
        assert {"authorization", "last-event-id"} <= allowed
        assert {"GET", "POST", "DELETE"} <= set(passed.headers["Access-Control-Allow-Methods"].split(", "))
        assert passed.headers["Access-Control-Allow-Origin"] == ALLOWED
        assert passed.headers["Vary"] == "Origin"
        refused = httpx.options(worker.url + path, headers={"Origin": FOREIGN, **ask})
        assert refused.status_code == 403
        assert not [name for name in refused.headers if name.lower().startswith("access-control-")]
    for origin, gets in ((ALLOWED, ALLOWED), (FOREIGN, None), ("null", None), (f"{ALLOWED}.attacker.example", None)):
        for path in (FEED, "/topics", "/topics/tiada", "/metrics"):
            with Stream(worker, path, Origin=origin) as answer:
                assert answer.headers.get("access-control-allow-origin") == gets, path
                assert answer.headers["vary"] == "Origin", "a cache must not give one origin what another got"
                assert "access-control-allow-credentials" not in answer.headers


def test_adding_and_deleting_need_a_token_sizes_are_limited_and_bad_json_is_400(worker: Worker) -> None:
    """Statement 16. Adding and deleting topics needs a token; sizes are limited; bad JSON is 400, never 500."""
    url, before = f"{worker.url}/topics", worker.topics()
    for headers, status in WHO:
        answer = httpx.delete(f"{url}/tiada", headers=headers)
        assert answer.status_code == status, headers
        assert status != 401 or answer.headers["WWW-Authenticate"] == "Bearer"
        if status != 404:
            assert httpx.delete(f"{url}/sepi", headers=headers).status_code == status
            assert httpx.post(url, json={"name": "serangan"}, headers=headers).status_code == status
    for body in BODIES:
        answer = httpx.post(url, content=body, headers=worker.auth)
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json"), body[:50]
        assert answer.json()["detail"]

    def without_length() -> Iterator[bytes]:
        for _ in range(32):
            yield b" " * 65_536

    for large in (b" " * 2_000_000, without_length()):
        assert httpx.post(url, content=large, headers=worker.auth).status_code == 413
    assert worker.topics().keys() == before.keys()
    assert httpx.post(url, json={"name": "boleh"}, headers=WHO[-4][0], timeout=20).status_code == 201
    assert httpx.delete(f"{url}/boleh", headers=WHO[-4][0], timeout=20).status_code == 204


def test_several_topics_share_a_connection_and_a_worker_says_what_it_has_and_does(worker: Worker) -> None:
    """Statement 18. Several topics in one connection; topic list, OpenAPI, liveness, readiness, Prometheus."""
    names = {topic["name"] for topic in httpx.get(f"{worker.url}/topics").json()}
    assert {"semua", "genap", "hidup", "sepi"} <= names
    document = httpx.get(f"{worker.url}/openapi.json").json()
    assert (
        document["openapi"].startswith("3.1.") and {"/topics", "/feeds/{names}", "/livez"} <= document["paths"].keys()
    )
    assert (worker.get("/livez"), worker.get("/readyz")) == (200, 200)
    sent = worker.metric("tweetream_sse_sent_total")
    with Stream(worker, "/feeds/semua,genap,sepi?last=10") as stream:
        found = stream.take(20)
        assert {json.loads(event.data)["topic"] for event in found} == {"semua", "genap"}
        assert re.fullmatch(r"semua@\w+:\d+,genap@\w+:\d+", found[-1].id), "one id for them all"
        until(lambda: worker.metric("tweetream_sse_clients") == 1, 5, "the stream is counted")
        assert worker.metric("tweetream_sse_sent_total") == sent + 20
    with Stream(worker, "/feeds/hidup") as stream:
        stream.take(3)
        assert worker.metric("tweetream_sse_sent_total") >= sent + 23, "what comes live counts too"
    until(lambda: worker.metric("tweetream_sse_clients") == 0, 5, "nobody is left")
    text = httpx.get(f"{worker.url}/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    dropped = {sample.labels["reason"] for sample in samples if sample.name == "tweetream_sse_dropped_total"}
    assert dropped == {"time", "bytes"}, "there from the start, so that an increase is seen"
    lags = {s.labels["topic"]: s.value for s in samples if s.name == "tweetream_consumer_lag"}
    assert {"statements-posts", "statements-tagged"} <= lags.keys()
    assert all(0 <= value < 1000 for value in lags.values())
