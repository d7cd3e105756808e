"""A harness of `contract.py` that runs beside the test in a loop of its own, for workers that are real processes."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from support.networks.contract import Harness, Said


class NetworkThread:
    """A harness in a thread, for a `with` block; its coroutines are run there by `call`."""

    def __init__(self, harness: type[Harness], folder: Path) -> None:
        self.harness = harness(folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def call(self, coroutine: Coroutine[Any, Any, Any], timeout: float = 30.0) -> Any:
        return self.begin(coroutine).result(timeout)

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run it there meanwhile."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def say(self, *posts: Said, timeout: float = 30.0) -> None:
        self.call(self.harness.say(*posts), timeout)

    @property
    def url(self) -> str:
        """The source's URL for a worker."""
        return self.harness.source().url

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self.harness.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.harness.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
