"""The OpenAPI document says what is true: the routes there are, and the answers that a running worker gives."""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse
from support.sse import events_of
from support.waiting import until
from support.workers import Worker, workers

FEEDS = "/feeds/{names}"
ROUTES = """
from tweetream.app import app
app.finalize()
app.discover()
app.web.init_server()
for route in app.web.web_app.router.routes():
    print(route.method, route.resource.canonical)
"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker with posts that come and go on coming to `hidup`."""
    from tweetream.kafka.embedded import EmbeddedBroker

    folder = tmp_path_factory.mktemp("openapi")
    file = folder / "posts.txt"
    file.write_text("".join(f"hidup di jalan {number}\n" for number in range(50)))
    settings = {"SOURCES": f"replay:{file}?rate=10&loop=true", "TOPICS": "hidup"}
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, "openapi", folder, **settings) as group:
        until(lambda: group[0].count("hidup") > 20, 30, "posts")
        yield group[0]


@pytest.fixture(scope="module")
def document(worker: Worker) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{worker.url}/openapi.json").json()
    return document


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # a second's work that only this test needs

    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1.")


def test_every_route_is_described_and_what_is_described_is_a_route(document: dict[str, Any], tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    listed = subprocess.run(
        [sys.executable, "-c", ROUTES], env=clean, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    routes = {tuple(line.split(" ", 1)) for line in listed.splitlines()}
    # Faust makes a HEAD for every page, which is of use where there is a GET.
    routes = {(method, path) for method, path in routes if method != "HEAD" or ("GET", path) in routes}
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == routes


def test_every_parameter_of_a_path_is_described_and_every_answer_has_a_reason(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), (method, path)
            for status, answer in operation["responses"].items():
                assert answer["description"]
                if method != "head" and int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"]


def closed(document: dict[str, Any], event: str) -> dict[str, Any]:
    """The schema of an event of streams, with nothing allowed that is not named."""
    components = copy.deepcopy(document["components"])
    for schema in components["schemas"].values():
        schema.setdefault("additionalProperties", False)
    return {"components": components, **document["paths"][FEEDS]["get"]["x-events"][event]}


def test_the_events_of_a_stream_are_as_described(worker: Worker, document: dict[str, Any]) -> None:
    from jsonschema import validate  # a second's work that only this test needs

    name = "berumur"
    httpx.post(f"{worker.url}/topics", json={"name": name, "track": ["hidup"]}, timeout=30).raise_for_status()
    seen = set()
    query = {"last_event_id": f"{name}@1:5", "min_score": "1"}
    with (
        httpx.Client(timeout=30) as client,
        connect_sse(client, "GET", f"{worker.url}/feeds/{name},hidup", params=query) as stream,
    ):
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        for event in stream.iter_sse():
            seen.add(event.event)
            validate(json.loads(event.data), closed(document, event.event))
            if event.event == "position":
                httpx.delete(f"{worker.url}/topics/{name}", timeout=30)
            if event.event == "deleted":
                break
    assert {"gap", "position", "deleted"} <= seen
    with connect_sse(httpx, "GET", f"{worker.url}/feeds/hidup?last=3") as stream:  # type: ignore[arg-type]
        event = next(events_of(stream))
        validate(json.loads(event.data), closed(document, event.event))
    assert httpx.get(f"{worker.url}/feeds/{name}").status_code == 204


@pytest.mark.parametrize(
    ("query", "status"), [("", 200), ("?last=x", 400), ("?since=x", 400), ("?last_event_id=x", 400), ("x", 404)]
)
def test_what_opens_a_stream_answers_as_described(
    worker: Worker, document: dict[str, Any], query: str, status: int
) -> None:
    """A stream has no end, so that the generated cases leave its GET out: HEAD takes the same and is among them."""
    described = document["paths"][FEEDS]["get"]["responses"][str(status)]
    with httpx.stream("GET", f"{worker.url}/feeds/hidup{query}") as answer:
        assert answer.status_code == status
        assert list(described["content"]) == [answer.headers["Content-Type"].partition(";")[0]]


def with_what_is_there(document: dict[str, Any], worker: Worker) -> dict[str, Any]:
    """The document, stricter in what it allows to be answered, and with names and positions that are there.

    Generated names and positions are nobody's, and a server that says 404 to everything breaks no rule.
    """
    document = copy.deepcopy(document)
    posts = httpx.get(f"{worker.url}/topics/hidup/posts?last=50").json()["posts"]
    there = {
        "name": ["hidup", "index.html"],
        "names": ["hidup"],
        "label": [posts[0]["label"]],
        **dict.fromkeys(("before", "after", "last_event_id"), [post["position"] for post in posts[::10]]),
    }
    for operations in document["paths"].values():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                schema = parameter["schema"]
                found = there.get(parameter["name"], [])
                if schema.get("type") == "array":
                    schema["items"] = {"anyOf": [{"enum": found}, schema["items"]]}
                elif found and method != "delete":
                    parameter["schema"] = {"anyOf": [{"enum": found}, schema]}
    for schema in document["components"]["schemas"].values():
        schema.setdefault("additionalProperties", False)
    return document


def generated_cases(document: dict[str, Any], worker: Worker, folder: Path, cases: int) -> int:
    """Ask the worker what the document allows and what it does not; how many cases there were. Fails at a finding.

    What is well-formed is not always accepted (a position can be another topic's, a term without a word), so 400 is no
    finding there; but what is malformed must not be accepted.
    """
    path = folder / "openapi.json"
    path.write_text(json.dumps(with_what_is_there(document, worker)))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(path), "--url", worker.url, "--seed", "20160711"]
    command += ["--phases", "coverage,fuzzing", "--max-examples", str(cases), "--continue-on-failure", "--no-color"]
    command += ["--exclude-checks", "positive_data_acceptance", "--suppress-health-check", "all"]
    command += ["--exclude-name", f"GET {FEEDS}", "--warnings", "off", "--generation-database", "none"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    counted = re.search(r"([\d,]+) generated", ended.stdout)
    assert counted, ended.stdout
    return int(counted[1].replace(",", ""))


def test_a_small_share_of_generated_cases_finds_nothing_the_document_does_not_allow(
    worker: Worker, document: dict[str, Any], tmp_path: Path
) -> None:
    assert generated_cases(document, worker, tmp_path, 3) > 500
    assert worker.get("/readyz") == 200


@pytest.mark.soak
def test_ten_thousand_generated_cases_find_nothing_the_document_does_not_allow(
    worker: Worker, document: dict[str, Any], tmp_path: Path
) -> None:
    cases = generated_cases(document, worker, tmp_path, 420)
    print(f"\n{cases:,} cases")
    assert cases >= 10_000
    assert worker.get("/readyz") == 200
