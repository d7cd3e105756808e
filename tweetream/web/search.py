"""`GET /search`: the posts of the archive that have some words, newest first. `GET /archive`: its state."""

from collections.abc import Collection
from functools import cache
from typing import Any

from aiohttp import web
from faust.web import View
from mode import Service
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.web.archive_reads import ArchiveReads
from tweetream.web.archive_state import EVERY, ArchiveWatch
from tweetream.web.feed_server import feed_server
from tweetream.web.labels import known_model
from tweetream.web.responses import json_response


@cache
def archive_reads() -> ArchiveReads:
    """This worker's own."""
    return ArchiveReads(settings, _labels, lambda id: feed_server().hub.retractions.has(id))


@cache
def archive_watch() -> ArchiveWatch:
    """This worker's own."""
    return ArchiveWatch(archive_reads(), settings.archive.get_secret_value())


async def _labels() -> Collection[str]:
    return (await known_model()).labels


@app.page("/search")
class Search(View):
    """A page of a search."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        return await archive_reads().search(request)


@app.page("/archive")
class Archive(View):
    """The state of the archive."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        return json_response(await archive_watch().state())


@app.service
class ArchiveMetrics(Service):
    """Keeps the metrics of the archive fresh."""

    @Service.task
    async def _look(self) -> None:
        while settings.archive.get_secret_value() and not self.should_stop:
            await archive_watch().state()
            await self.sleep(EVERY)
