"""What bench/sse.py says of completeness: raw servers that send events whole, cut anywhere, doubled or not at all."""

import contextlib
import socket
import sys
import threading
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest
from support.paths import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import sse_client  # noqa: E402
from sse_appender import event  # noqa: E402

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hi\n\n"
EVENTS = 5


def collect(numbers: list[int], clients: int = 3, cut: int = 10_000) -> sse_client.Collected:
    """What clients of a server say that sends each these events, `cut` bytes at a time; EVENTS were appended."""
    ours, theirs = Pipe()
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=_serve, args=(theirs,), daemon=True)
        serving.start()
        ours.send(("open", server.getsockname()[1], "/feed", clients))
        opened = [server.accept()[0] for _ in range(clients)]
        for client in opened:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(HEAD)
        assert ours.recv() == "open"
        ours.send(("collect",))
        assert ours.recv() == "collecting"
        data = b"".join(b"id: a@b:%d\ndata: %s\n\n" % (n, event(n, time.monotonic_ns())) for n in numbers)
        for start in range(0, len(data), cut):
            for client in opened:
                client.sendall(data[start : start + cut])
            time.sleep(0.001 if cut < 100 else 0)
        ours.send((EVENTS,))
        found: sse_client.Collected = ours.recv()
        ours.send(("close",))
        assert ours.recv() == "closed"
        for client in opened:
            client.close()
        ours.close()
        serving.join(10)
    return found


def _serve(pipe: Connection) -> None:
    with contextlib.suppress(EOFError):
        sse_client.serve(pipe)


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_events_are_counted_wherever_the_reads_end(cut: int) -> None:
    found = collect([0, 1, 2, 3, 4], cut=cut)
    assert (found.events, found.short) == (3 * EVENTS, 0)
    assert 0 < found.p50 <= found.p99


def test_a_greeting_before_the_run_is_no_event() -> None:
    assert collect([0, 1, 2, 3, 4], clients=1).events == EVENTS


def test_clients_that_lack_an_event_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_client, "STALL", 0.5)
    assert collect([0, 1, 2, 4]).short == 3


def test_an_event_out_of_order_is_noticed() -> None:
    assert collect([0, 2, 1, 3, 4], clients=1).short == 1
