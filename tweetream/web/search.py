"""`GET /search`: the posts of the archive that have some words, newest first."""

from collections.abc import Collection
from functools import cache
from typing import Any

from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.web.archive_reads import ArchiveReads
from tweetream.web.labels import known_model


@cache
def archive_reads() -> ArchiveReads:
    """This worker's own."""
    return ArchiveReads(settings, _labels)


async def _labels() -> Collection[str]:
    return (await known_model()).labels


@app.page("/search")
class Search(View):
    """A page of a search."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        return await archive_reads().search(request)
