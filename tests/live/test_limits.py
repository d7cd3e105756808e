"""How many streams there may be: in all, and for one client, whoever it says it is."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.raw_streams import refusal, streams
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.web.limits import SPARE_FILES

EACH, ALL = 3, 5
FEED = "/feeds/ramai"
SETTINGS = {"TOPICS": "ramai", "MAX_STREAMS": ALL, "MAX_STREAMS_PER_ADDRESS": EACH}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def behind_proxy(broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker whose proxies are on this machine and in 10.0.0.0/8."""
    trusted = {"TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}
    with workers(1, broker.url, "limits", tmp_path_factory.mktemp("limits"), **SETTINGS, **trusted) as (worker,):
        until(lambda: "ramai" in worker.topics(), 20, "the topic")
        yield worker


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("203.0.113.1", "198.51.100.7, 203.0.113.1", True),  # what the client itself has sent is hearsay
        ("203.0.113.1", "203.0.113.1, 10.1.2.3", True),  # a second proxy of ours
        ("203.0.113.1", "203.0.113.1, 198.51.100.7", False),
        ("203.0.113.1", "::ffff:203.0.113.1", True),
        ("2001:db8::1", "2001:db8::ffff:ffff:2", True),  # one household has them all
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("nobody", "nothing", True),  # then it is the proxy
        ("127.0.0.1", "", True),
    ],
)
def test_whose_stream_it_is_behind_our_own_proxies(behind_proxy: Worker, first: str, second: str, same: bool) -> None:
    with streams(behind_proxy, EACH, FEED, first):
        assert refusal(behind_proxy, FEED, second) == (429 if same else 200)


def test_a_client_that_is_no_proxy_of_ours_is_not_believed_who_it_is(
    broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    with workers(1, broker.url, namespace, tmp_path, **SETTINGS) as (worker,):
        until(lambda: "ramai" in worker.topics(), 20, "the topic")
        with contextlib.ExitStack() as stack:
            for number in range(EACH):
                stack.enter_context(streams(worker, 1, FEED, f"203.0.113.{number}"))
            assert refusal(worker, FEED, "203.0.113.9") == 429


def test_what_opens_no_stream_takes_no_place(behind_proxy: Worker) -> None:
    for path in ("/feeds/tiada", "/feeds/ramai?last=x", "/feeds/mati?last_event_id=mati@1:1"):
        for _ in range(ALL + 1):
            assert behind_proxy.get(path) in (400, 404, 204)
    for _ in range(ALL + 1):
        assert refusal(behind_proxy, FEED, method="HEAD") == 200
    assert refusal(behind_proxy, FEED) == 200


@contextlib.contextmanager
def open_files(soft: int) -> Iterator[None]:
    """What is started in this block may open so many files, and may raise that."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_worker_raises_the_limit_of_open_files_to_what_its_streams_need(
    broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    many = 400
    settings = {"TOPICS": "ramai", "MAX_STREAMS": many, "MAX_STREAMS_PER_ADDRESS": many}
    with contextlib.ExitStack() as stack:
        with open_files(256):
            (worker,) = stack.enter_context(workers(1, broker.url, namespace, tmp_path, **settings))
        assert psutil.Process(worker.pid).rlimit(psutil.RLIMIT_NOFILE)[0] == many + SPARE_FILES
        until(lambda: "ramai" in worker.topics(), 20, "the topic")
        with streams(worker, many, FEED):
            assert worker.get("/livez") == 200
            assert refusal(worker, FEED) == 429


def test_a_worker_that_may_not_open_enough_files_says_so(
    broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with workers(1, broker.url, namespace, tmp_path, MAX_STREAMS=hard) as (worker,):
        assert f"{hard} streams need {hard + SPARE_FILES}" in worker.log.read_text()
