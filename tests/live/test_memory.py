"""What clients that come, read the past and go leave behind in a worker's memory."""

import socket
import struct
from pathlib import Path

import psutil
import pytest
from support.waiting import until
from support.workers import workers

from tweetream.kafka.embedded import EmbeddedBroker

POSTS, CLIENTS = 12_000, 60
RESET = struct.pack("ii", 1, 0)


def read_and_go(port: int, most: int) -> None:
    """Read so many bytes of the past, then reset the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /feeds/kenang?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = 0
        while received < most:
            piece = connection.recv(65536)
            assert piece
            received += len(piece)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


@pytest.mark.soak
def test_clients_that_read_the_past_and_go_leave_little_behind(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    """What Kafka sent and nobody read to its end hangs in cycles: by counting alone they were freed after gigabytes."""
    file = tmp_path / "posts.txt"
    file.write_text("".join(f"kenang {number} {'kata ' * 60}\n" for number in range(POSTS)))
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "kenang"}
    with workers(1, embedded_broker.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("kenang") == POSTS, 60, "all posts are in the feed")
        process = psutil.Process(worker.pid)
        before = process.memory_info().rss
        for number in range(CLIENTS):
            read_and_go(worker.port, 300_000 + number * 20_000)
        until(lambda: worker.metric("tweetream_sse_clients") == 0, 10, "nobody is left")
        until(lambda: process.memory_info().rss - before < 300 << 20, 10, "memory is nearly where it was")
