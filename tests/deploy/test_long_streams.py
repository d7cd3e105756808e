"""Streams of three minutes through all proxies of deploy/proxies, side by side, at / and below a path.

Then one of the two workers is killed, and the tokens change while the streams go on.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.proxies import DOCKER, FIXED, ConfiguredProxy, all_before
from support.rest import Place
from support.site import Site, site_behind
from support.waiting import until

from tweetream.models.token import Role, new_token

SECONDS = 180.0
PAUSE = 15.0  # seconds without a post that a killed worker may cost a client

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file TWEETREAM_TOKENS."""
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    write_token(file)
    return file


@pytest.fixture(scope="module")
def site(
    caddy: str, apache_kafka: KafkaAddress, tokens: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with site_behind(caddy, apache_kafka.url, tmp_path_factory.mktemp("site"), TOKENS=tokens) as made:
        yield made


@pytest.fixture(scope="module")
def places(
    site: Site, nginx: str, haproxy: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Place]]:
    with all_before(site, tmp_path_factory.mktemp("proxies")) as made:
        yield {f"{name} {below or '/'}": Place(f"{made[name].url}{below}") for name, below in each(made)}


def each(made: dict[str, ConfiguredProxy]) -> Iterator[tuple[str, str]]:
    assert {*FIXED, *DOCKER} <= set(made)
    for name in (*FIXED, *DOCKER):
        yield from ((name, ""), (name, "/tweetream"))


def write_token(file: Path) -> str:
    """Let the file have one token, a new one; what was in it is no token any more."""
    token, named = new_token("ayu", Role.EDIT)
    file.write_text(f"{named.line}\n")
    file.chmod(0o600)
    return token


def change(place: Place, token: str) -> int:
    """The status of a change with this token: `sepi` may have one more word."""
    body = {"track": ["sepi", f"sunyi {time.monotonic_ns()}"]}
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.patch(f"{place.url}/topics/sepi", json=body, headers=headers, timeout=30).status_code


def test_streams_through_every_proxy_outlive_a_worker_and_a_change_of_tokens(
    site: Site, places: dict[str, Place], tokens: Path
) -> None:
    clients = {name: chaos.Client([place]) for name, place in places.items()}
    for client in clients.values():
        client.start()
    until(lambda: all(len(client.seen) > 50 for client in clients.values()), 60, "posts through all")
    time.sleep(SECONDS)
    assert {name: client.streams for name, client in clients.items()} == dict.fromkeys(places, 1), "none was cut"
    pauses = {name: client.longest_pause for name, client in clients.items()}
    assert max(pauses.values()) < 1.0, pauses

    site.two.kill()
    go_on(clients)
    first = write_token(tokens)
    for name, place in places.items():
        until(lambda p=place: change(p, first) == 200, 30, f"{name}: a change with a token")  # type: ignore[misc]
        assert change(place, "wrong") == 403, name
    second = write_token(tokens)
    for name, place in places.items():
        until(lambda p=place: change(p, first) == 403, 5, f"{name}: the old token is none")  # type: ignore[misc]
        assert change(place, second) == 200, name
    site.two.start().wait_ready()
    go_on(clients)
    print(f"\n{'':<32}{'posts':>7}{'streams':>9}{'pause before and after the kill, s':>37}")
    for name, client in clients.items():
        client.end()
        print(f"{name:<32}{len(client.seen):>7}{client.streams:>9}{pauses[name]:>27.1f}{client.longest_pause:>10.1f}")
    for name, client in clients.items():
        start = client.seen[0]
        assert client.seen == list(range(start, start + len(client.seen))), name
        assert (client.gaps, client.odd) == ([], []), name
        assert client.streams <= 3 and client.longest_pause < PAUSE, name


def go_on(clients: dict[str, chaos.Client]) -> None:
    """Wait until each client has had two seconds' posts more."""
    before = {name: len(client.seen) for name, client in clients.items()}
    for name, client in clients.items():
        until(lambda c=client, n=name: len(c.seen) > before[n] + 100, 60, f"{name} goes on")  # type: ignore[misc]
