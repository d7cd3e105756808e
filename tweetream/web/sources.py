"""REST of the sources: how each does, the same on every worker."""

from typing import Any

from aiohttp import web
from faust.web import View

from tweetream.app import app, settings
from tweetream.models.feed import rfc3339
from tweetream.sources import without_secret
from tweetream.sources.status import Status
from tweetream.topology import now_ms, recovered, source_statuses
from tweetream.web.middleware import Problem, json_response
from tweetream.web.schemas import SourceAnswer

URLS = [without_secret(url) for url in settings.sources]


def _shown(status: Status) -> SourceAnswer:
    """How a source does, as the interface has it."""
    return SourceAnswer(
        status.url,
        status.state.value,  # type: ignore[arg-type]
        status.reason,
        status.posts,
        status.posts_per_minute,
        None if status.last_post_at is None else rfc3339(status.last_post_at),
        status.reconnects,
        None if status.retry_at is None else rfc3339(status.retry_at),
    )


@app.page("/sources")
class Sources(View):
    """List."""

    async def get(self, request: Any) -> web.StreamResponse:
        if not recovered():
            raise Problem(503, "the worker is starting", {"Retry-After": "1"})
        return json_response([_shown(status) for status in source_statuses.current(URLS, now_ms())])
