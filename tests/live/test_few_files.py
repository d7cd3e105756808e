"""A worker whose open files run out: idle connections take them all, and no post is lost."""

import contextlib
import socket
import time
from pathlib import Path

import psutil
from support.waiting import until
from support.workers import workers

from tweetream.engine.http_connection import HEADERS_TIMEOUT
from tweetream.kafka.embedded import EmbeddedBroker

CONNECTIONS, POSTS, RATE = 200, 600, 40
SPARE = 25  # files that the worker may open besides those that it has


def test_idle_connections_at_the_limit_of_open_files_cost_no_post_and_no_endless_log(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    """They held their files for ever, batches became dead letters, and the log grew by 150 MB a minute."""
    file = tmp_path / "posts.txt"
    file.write_text("".join(f"banjir nomor {number}\n" for number in range(POSTS)))
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": "banjir"}
    with workers(1, embedded_broker.url, namespace, tmp_path, **settings) as (worker,), contextlib.ExitStack() as stack:
        until(lambda: worker.count("banjir") > 0, 30, "posts")
        process = psutil.Process(worker.pid)
        limit = process.num_fds() + SPARE
        process.rlimit(psutil.RLIMIT_NOFILE, (limit, process.rlimit(psutil.RLIMIT_NOFILE)[1]))
        size, began = worker.log.stat().st_size, time.monotonic()
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", worker.port), 10)) for _ in range(CONNECTIONS)
        ]
        until(lambda: process.num_fds() >= limit - 1, 10, "the worker has no file left")
        for connection in idle[:SPARE]:
            connection.settimeout(2 * HEADERS_TIMEOUT)
            assert connection.recv(1) == b"", "closed by the worker"
        assert time.monotonic() - began < 2 * HEADERS_TIMEOUT
        stack.close()
        until(lambda: worker.count("banjir") == POSTS, 60, "all posts are there")
        assert worker.metric("tweetream_dead_letters_total") == 0
        assert worker.log.stat().st_size - size < 50_000
        until(lambda: process.num_fds() < limit - 10, 10, "the files come back")
