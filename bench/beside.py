"""Programs that run beside the bench, each in a process of its own, so that their work does not delay anybody else's.

The function given gets one end of a pipe and serves what it is told there, until the pipe ends. Limits: one answer for
each question, in order; whatever goes wrong there is Failed here.
"""

import resource
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from measure import Failed

OPEN_FILES = 8_192  # a thousand streams and more, in each process


class Beside:
    """A process that is told things and answers them; a context manager that ends it."""

    def __init__(self, serve: Callable[..., None], *arguments: Any) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._name = serve.__module__
        self._process = context.Process(target=_run, args=(serve, theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()

    def tell(self, *message: Any) -> None:
        try:
            self._pipe.send(message)
        except OSError:
            raise Failed(f"{self._name} ended by itself") from None

    def answer(self, timeout: float) -> Any:
        """What it says next. Raises Failed."""
        if not self._pipe.poll(timeout):
            raise Failed(f"{self._name} does not answer in {timeout:.0f} s")
        try:
            said = self._pipe.recv()
        except EOFError:
            raise Failed(f"{self._name} ended by itself") from None
        if isinstance(said, Failed):
            raise said
        return said

    def ask(self, *message: Any, timeout: float = 60.0) -> Any:
        self.tell(*message)
        return self.answer(timeout)

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _run(serve: Callable[..., None], pipe: Connection, *arguments: Any) -> None:
    open_files()
    try:
        serve(pipe, *arguments)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass
    except Exception as error:  # noqa: BLE001 - of whatever kind: the one who waits for an answer must hear of it
        pipe.send(Failed(f"{serve.__module__}: {error!r}"))


def open_files() -> None:
    """Let this process open enough files, and those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES:
        return
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        raise Failed(f"{OPEN_FILES} open files are needed, {hard} are allowed: raise the limit (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))
