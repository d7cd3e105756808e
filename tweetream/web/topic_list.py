"""The answer of `GET /topics`, encoded once for each state of the topics and their counts. Imports no Faust.

Its tag is a hash of the answer. So all workers give the same tag for the same list, and a client that has it gets 304.
"""

from collections.abc import Callable, Iterable

import msgspec
from aiohttp import web

from tweetream.models.topic import Topic
from tweetream.web.responses import tag_of, unless_known
from tweetream.web.schemas import TopicAnswer


class TopicList:
    """The list as bytes. `show` makes the answer of a topic."""

    def __init__(self, show: Callable[[Topic], TopicAnswer]) -> None:
        self._show = show
        self._version: object = None
        self._body, self._tag = b"", ""

    def answer(self, request: web.Request, version: object, topics: Callable[[], Iterable[Topic]]) -> web.Response:
        """The list at this version: the same version means the same list."""
        if version != self._version:
            self._body = msgspec.json.encode([self._show(topic) for topic in topics()])
            self._tag = tag_of(self._body)
            self._version = version
        # A copy may be kept, but must be asked for each time.
        headers = {"Cache-Control": "private, no-cache", "ETag": f'"{self._tag}"'}
        return unless_known(request, web.Response(body=self._body, content_type="application/json", headers=headers))
