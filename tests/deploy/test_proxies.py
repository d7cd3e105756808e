"""The proxies of deploy/ before two real workers: what a client has of them is what a worker gives.

First Caddy as docker-compose.yml starts it, then those of deploy/proxies, and Prometheus, which asks the same workers.
"""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.paths import ROOT
from support.prometheus import RULES, Prometheus
from support.proxies import DOCKER, FIXED, LOGIN, ConfiguredProxy, LoginService, all_before
from support.proxy import CADDYFILE
from support.site import EACH, WITH_TOKEN, Site, age, last_post, site_behind, stream
from support.sse import events_of
from support.waiting import until

from tweetream.web.fanout import HEARTBEAT


@pytest.fixture(scope="module")
def site(caddy: str, apache_kafka: KafkaAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_behind(caddy, apache_kafka.url, tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def proxies(
    site: Site, nginx: str, haproxy: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ConfiguredProxy]]:
    """All of deploy/proxies, before the site's workers."""
    with all_before(site, tmp_path_factory.mktemp("proxies")) as made:
        yield made


def test_one_event_comes_at_once_though_none_follows_it(site: Site) -> None:
    coming = str(last_post(site.one)[0] + 200)  # in four seconds
    body = {"name": "satu", "track": [coming]}
    httpx.post(f"{site.url}/topics", json=body, headers=WITH_TOKEN, timeout=30).raise_for_status()
    until(lambda: "satu" in site.one.topics() and "satu" in site.two.topics(), 10, "every worker has it")
    with (
        httpx.Client(timeout=httpx.Timeout(10, read=2 * HEARTBEAT)) as client,
        connect_sse(client, "GET", f"{site.url}/feeds/satu", params={"since": 0}) as source,
    ):
        assert source.response.headers["Content-Type"] == "text/event-stream"
        assert source.response.headers["Server"] == "Caddy", "nobody else answered"
        event = next(events_of(source))
        assert coming in event.data and age(event.data) < 1.0


def test_a_stream_goes_on_while_nothing_comes(site: Site) -> None:
    with stream(site.url, "sepi", "127.0.0.9") as answer:
        began = time.monotonic()
        for line in answer.iter_lines():
            if line == ":" and time.monotonic() - began > HEARTBEAT / 2:
                return
    pytest.fail("the stream ended")


def test_a_client_that_goes_frees_its_place_though_nothing_comes(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(4):
            stack.enter_context(stream(site.url, "sepi", f"127.0.0.{40 + number}"))
        until(lambda: sum(site.streams()) >= 4, 10, "the streams are open")
    until(lambda: site.streams() == (0, 0), 3, "no stream is left")  # a heartbeat would come in 15 s


def test_metrics_are_not_for_everybody(site: Site) -> None:
    for path in ("/metrics", "/metrics/", "/metrics?x=1", "//metrics", "/./metrics", "/%6Detrics", "/METRICS"):
        answer = httpx.get(f"{site.url}{path}", timeout=10)
        assert answer.status_code == 404 and "tweetream_posts" not in answer.text, path
    assert site.one.get("/metrics") == 200, "Prometheus asks the worker itself"


def test_the_page_and_rest_come_through(site: Site) -> None:
    page = httpx.get(f"{site.url}/", timeout=10)
    assert page.status_code == 200 and "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert httpx.get(f"{site.url}/readyz", timeout=10).text == "ready\n"
    assert httpx.get(f"{site.url}/topics/tiada", timeout=10).status_code == 404


def test_topics_are_changed_with_the_token_alone_though_the_proxy_is_on_the_workers_machine(site: Site) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 403), (WITH_TOKEN, 201)):
        answer = httpx.post(f"{site.url}/topics", json={"name": "tol"}, headers=headers, timeout=30)
        assert answer.status_code == status
    until(lambda: "tol" in site.one.topics() and "tol" in site.two.topics(), 10, "every worker has it")
    assert httpx.delete(f"{site.url}/topics/tol", timeout=30).status_code == 401
    assert httpx.delete(f"{site.url}/topics/tol", headers=WITH_TOKEN, timeout=30).status_code == 204


def test_streams_are_counted_by_the_client_and_not_by_the_proxy_or_by_what_the_client_says(site: Site) -> None:
    with site.served_by(site.one), contextlib.ExitStack() as stack:
        for number in range(EACH):
            answer = stack.enter_context(
                stream(site.url, "sepi", "127.0.0.5", **{"X-Forwarded-For": f"203.0.113.{number}"})
            )
            assert answer.status_code == 200
        with stream(site.url, "sepi", "127.0.0.5", **{"X-Forwarded-For": "203.0.113.9"}) as answer:
            assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
        with stream(site.url, "sepi", "127.0.0.6") as answer:
            assert answer.status_code == 200


def test_workers_that_come_and_go_need_no_word_to_the_proxy(site: Site) -> None:
    until(lambda: site.streams() == (0, 0), 10, "no stream of another test is left")
    with contextlib.ExitStack() as stack:
        for alone, expected in ((site.one, (3, 0)), (site.two, (3, 3))):
            with site.served_by(alone):
                for number in range(3):
                    stack.enter_context(stream(site.url, "sepi", f"127.0.0.{20 + number}"))
                assert site.streams() == expected
        for number in range(6):
            stack.enter_context(stream(site.url, "sepi", f"127.0.0.{30 + number}"))
        assert site.streams() == (6, 6), "each has its share"


@pytest.mark.parametrize("end", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_a_worker_that_dies_is_passed_over_and_its_streams_go_on_elsewhere(site: Site, end: signal.Signals) -> None:
    client = chaos.Client([site.proxy])
    client.start()
    until(lambda: len(client.seen) > 100, 30, "posts")
    until(lambda: sum(site.streams()) == 1, 10, "no stream of another test is left")
    victim = site.one if site.streams()[0] else site.two
    victim.signal(end)
    assert victim.process is not None
    victim.process.wait(15)
    took = []
    for _ in range(20):  # the name has the dead one's address all the while
        began = time.monotonic()
        assert httpx.get(f"{site.url}/topics", timeout=10).status_code == 200
        took.append(time.monotonic() - began)
    assert max(took) < 2.0, took
    seen = len(client.seen)
    until(lambda: len(client.seen) > seen + 200, 60, f"the stream goes on elsewhere after {seen}")
    client.end()
    first = client.seen[0]
    assert client.seen == list(range(first, first + len(client.seen))) and not client.gaps
    victim.start().wait_ready()


def test_its_form_is_caddys_own(caddy: str) -> None:
    assert (
        subprocess.run([caddy, "fmt", str(CADDYFILE)], capture_output=True, text=True).stdout == CADDYFILE.read_text()
    )


@pytest.mark.parametrize("below", ["", "/tweetream"])
@pytest.mark.parametrize("name", [*FIXED, *DOCKER])
def test_a_configured_proxy_gives_what_a_worker_gives_also_below_a_path(
    site: Site, proxies: dict[str, ConfiguredProxy], name: str, below: str
) -> None:
    url = f"{proxies[name].url}{below}"
    page = subprocess.run(["curl", "-ksw", "%{http_version}", f"{url}/"], capture_output=True, text=True).stdout
    assert "<title>" in page and page.endswith("2"), "HTTP/2"
    for path in ("/metrics", "/metrics/", "/metrics?x=1", "//metrics", "/./metrics", "/%6Detrics", "/x/../metrics"):
        said = subprocess.run(["curl", "-ks", "--path-as-is", "-w", "%{http_code}", url + path], capture_output=True)
        assert b"tweetream_posts" not in said.stdout and said.stdout[-3:] in (b"404", b"308"), path
    with stream(url, chaos.TOPIC, "127.0.0.1") as feed:
        assert feed.headers["Content-Type"] == "text/event-stream"
        post = next(line for line in feed.iter_lines() if line.startswith('data: {"'))
        assert age(post.removeprefix("data: ")) < 1.0, "nothing is held back"
    for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 403), (WITH_TOKEN, 201)):
        answer = httpx.post(f"{url}/topics", json={"name": "sementara"}, headers=headers, timeout=30)
        assert answer.status_code == status, answer.text
    # The proxy may ask the other worker for the next change.
    until(lambda: all("sementara" in worker.topics() for worker in (site.one, site.two)), 10, "every worker has it")
    forged = {"X-Forwarded-For": "203.0.113.9", **WITH_TOKEN}
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.7"), timeout=30) as client:
        assert client.delete(f"{url}/topics/sementara", headers=forged).status_code == 204
    change = httpx.get(f"{url}/changes?last=1", headers=WITH_TOKEN, timeout=10).json()[-1]
    assert (change["what"], change["topic"], change["from"]) == ("delete", "sementara", "127.0.0.7")
    until(lambda: site.streams() == (0, 0), 5, "the stream of a client that has gone ends")


@pytest.mark.parametrize("name", LOGIN)
def test_who_reads_must_have_logged_in_where_the_proxy_asks_for_it(
    proxies: dict[str, ConfiguredProxy], name: str
) -> None:
    url = proxies[name].url
    page = httpx.get(f"{url}/?q=macet", timeout=10)
    assert page.status_code == 302 and page.headers["Location"].startswith("/oauth2/start?rd=https"), page.headers
    assert httpx.get(f"{url}/oauth2/start", timeout=10).status_code == 200
    for path in ("/topics", f"/feeds/{chaos.TOPIC}", "/static/app.js"):
        assert httpx.get(url + path, timeout=10).status_code == 401, path
    cookie = {"Cookie": LoginService.COOKIE}
    assert httpx.get(f"{url}/", headers=cookie, timeout=10).status_code == 200
    with stream(url, chaos.TOPIC, "127.0.0.1", **cookie) as feed:
        assert any(line.startswith('data: {"') for line in feed.iter_lines())
    body = {"name": "x"}
    assert httpx.post(f"{url}/topics", json=body, headers=cookie, timeout=10).status_code == 401, "a token too"


def test_when_a_worker_is_killed_the_streams_through_every_proxy_go_on_elsewhere(
    site: Site, proxies: dict[str, ConfiguredProxy]
) -> None:
    """All proxies at once, since a worker's start costs much."""
    clients = {name: chaos.Client([proxies[name]]) for name in (*FIXED, *DOCKER)}
    for client in clients.values():
        client.start()
    until(lambda: all(len(client.seen) > 50 for client in clients.values()), 60, "posts through all")
    time.sleep(5)
    site.two.kill()
    before = {name: len(client.seen) for name, client in clients.items()}
    for name, client in clients.items():
        until(lambda c=client, n=name: len(c.seen) > before[n] + 100, 60, f"{name} goes on")  # type: ignore[misc]
    site.two.start().wait_ready()
    for name, client in clients.items():
        client.end()
        first = client.seen[0]
        assert client.seen == list(range(first, first + len(client.seen))) and not client.gaps, name


def test_the_configurations_of_caddy_have_caddys_own_form(caddy: str) -> None:
    for name in ("Caddyfile", "Caddyfile-login"):
        path = CADDYFILE.parent / "proxies" / name
        assert subprocess.run([caddy, "fmt", str(path)], capture_output=True, text=True).stdout == path.read_text()


@pytest.mark.promtool
def test_prometheus_runs_every_rule_on_the_workers_and_no_alert_fires(site: Site, tmp_path: Path) -> None:
    with Prometheus(tmp_path, [site.one, site.two], RULES.read_text()) as prometheus:
        until(lambda: len(prometheus.ask("tweetream_ready == 1")) == 2, 20, "both are asked")
        until(lambda: all(rule["lastEvaluation"] > "0002" for rule in prometheus.rules()), 20, "all rules have run")
        for panel in json.loads((ROOT / "deploy" / "grafana" / "tweetream.json").read_text())["panels"]:
            for target in panel["targets"]:
                prometheus.ask(target["expr"].replace("$__rate_interval", "1m").replace("$job", "tweetream"))
        assert [rule["name"] for rule in prometheus.rules() if rule["health"] != "ok"] == []
        assert prometheus.firing() == set()
        shown = httpx.get(f"{site.one.url}/metrics", timeout=10).content
        checked = subprocess.run(["promtool", "check", "metrics"], input=shown, capture_output=True)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
        assert prometheus.ask("sum(tweetream_group_lag)")[0]["value"][1] != "NaN"
