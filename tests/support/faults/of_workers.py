"""Faults of workers and of their clients that last as long as a block; they are mended at its end."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from support.workers import Worker


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that stands still within the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def killed(worker: Worker) -> Iterator[None]:
    """A worker that is dead within the block."""
    worker.kill()
    try:
        yield
    finally:
        worker.start().wait_ready()


@contextmanager
def again_and_again(act: Callable[[], object], pause: float) -> Iterator[None]:
    """Do something in a thread until the block ends."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(pause):
            act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def open_connection(worker: Worker, path: str) -> socket.socket:
    """A connection that asks for a path, and reads nothing."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1024)
    made.connect(("127.0.0.1", worker.port))
    with contextlib.suppress(OSError):
        made.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return made


@contextmanager
def connections(worker: Worker, path: str, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(open_connection(worker, path))
        yield


@contextmanager
def of_another_release(worker: Worker, folder: Path) -> Iterator[None]:
    """The worker as another release of Tweetream within the block."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import tweetream\ntweetream.__version__ = '9.9.9'\n")
    worker.kill()
    usual = worker.environment.get("PYTHONPATH", "")
    worker.environment["PYTHONPATH"] = f"{folder}:{usual}"
    worker.start().wait_ready()
    try:
        yield
    finally:
        worker.kill()
        worker.environment["PYTHONPATH"] = usual
        worker.start().wait_ready()


@contextmanager
def alerts_of_each_post(worker: Worker, topic: str) -> Iterator[None]:
    """A rule for alerts within the block."""

    def edit(rule: dict[str, str] | None) -> None:
        done = httpx.patch(f"{worker.url}/topics/{topic}", json={"alert": rule}, timeout=20)
        assert done.status_code == 200, done.text

    edit({"when": "every"})
    try:
        yield
    finally:
        edit(None)
