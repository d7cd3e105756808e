"""The answer of `GET /topics`, encoded once for each state of the topics and their counts. Imports no Faust.

Its tag is a hash of the answer. So all workers give the same tag for the same list, and a client that has it gets 304.
Counts change with each batch of posts. So they may be a moment old: encoding takes a tenth of the time at most.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web

from tweetream.models.topic import Topic
from tweetream.web.responses import tag_of, unless_known
from tweetream.web.schemas import TopicAnswer

REST = 10  # times as long as encoding took


class TopicList:
    """The list as bytes. `show` makes the answer of a topic."""

    def __init__(self, show: Callable[[Topic], TopicAnswer]) -> None:
        self._show = show
        self._version: Any = None
        self._body, self._tag = b"", ""
        self._again_at = 0.0  # when other counts are encoded

    def paced(self, version: tuple[object, int]) -> tuple[object, int]:
        """The version to answer with, of (topics, counts): the last one if only the counts have changed just now."""
        last = self._version
        wait = isinstance(last, tuple) and last[0] == version[0] and time.perf_counter() < self._again_at
        return last if wait else version

    def answer(self, request: web.Request, version: object, topics: Callable[[], Iterable[Topic]]) -> web.Response:
        """The list at this version: the same version means the same list."""
        if version != self._version:
            began = time.perf_counter()
            self._body = msgspec.json.encode([self._show(topic) for topic in topics()])
            self._tag = tag_of(self._body)
            self._version = version
            now = time.perf_counter()
            self._again_at = now + REST * (now - began)
        # A copy may be kept, but must be asked for each time.
        headers = {"Cache-Control": "private, no-cache", "ETag": f'"{self._tag}"'}
        return unless_known(request, web.Response(body=self._body, content_type="application/json", headers=headers))
