"""How a worker ends with a thousand streams open."""

import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.raw_streams import Stream
from support.waiting import until
from support.workers import workers

from tweetream.kafka.embedded import EmbeddedBroker

STREAMS = 1_000
SOON = 15.0  # three times the design's


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may open a file for each stream, and those it starts too."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(STREAMS + 1_000, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("broker_dies", [False, True], ids=["broker alive", "broker dead"])
def test_a_worker_with_1000_streams_stops_within_5_s_each_stream_at_an_events_end(
    namespace: str, tmp_path: Path, broker_dies: bool
) -> None:
    """Statement 11. SIGTERM with 1,000 open streams: the worker has stopped within 5 s, each at an event's end."""
    file = tmp_path / "posts.txt"
    file.write_text("".join(f"akhir {number}\n" for number in range(1000)))
    settings = {"SOURCES": f"replay:{file}?rate=50&loop=true", "TOPICS": "akhir,sepi", "MAX_STREAMS_PER_ADDRESS": 2000}
    with (
        contextlib.ExitStack() as stack,
        EmbeddedBroker(tmp_path) as broker,
        workers(1, broker.url, namespace, tmp_path, **settings) as (worker,),
    ):
        until(lambda: worker.count("akhir") > 10, 30, "posts")
        paths = ["/feeds/akhir?last=5", "/feeds/akhir?since=0", "/feeds/sepi,akhir", "/feeds/sepi"]
        opened = [stack.enter_context(Stream(worker, paths[number % 4])) for number in range(STREAMS)]
        until(lambda: worker.metric("tweetream_sse_clients") == STREAMS, 30, "a thousand streams")
        for stream in opened[:-4:4]:
            stream.take(1)
        if broker_dies:
            broker.stop()
            time.sleep(2)
        took = worker.stop(SOON)
        print(f"\nstopped in {took:.1f} s")
        assert took < SOON
        assert worker.process is not None and worker.process.returncode == 0
        assert "did not end in time" not in worker.tail()
        assert "Traceback" not in worker.log.read_text()
        for stream in opened:
            stream.read(timeout=20)
            assert stream.ended, "the answer ends as HTTP has it"
            assert stream.socket.recv(1000) == b""
            last = bytes(stream.body).rpartition(b"retry: ")[2].lstrip(b"0123456789")
            assert last in (b"\n", b"\n:\n") or last.endswith((b"\n\n", b"\n\n:\n")), last[-100:]
