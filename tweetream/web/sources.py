"""`GET /sources`: the state of each source, the same on every worker."""

from typing import Any

from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.models.feed import rfc3339
from tweetream.sources import without_secret
from tweetream.sources.status import Status
from tweetream.topology import now_ms, services
from tweetream.web.health import require_recovered
from tweetream.web.responses import json_response
from tweetream.web.schemas import SourceAnswer


def _shown(status: Status) -> SourceAnswer:
    """The report of a source as this interface has it."""
    return SourceAnswer(
        status.url,
        status.state.value,  # type: ignore[arg-type]
        status.reason,
        status.posts,
        status.posts_per_minute,
        None if status.last_post_at is None else rfc3339(status.last_post_at),
        status.reconnects,
        None if status.retry_at is None else rfc3339(status.retry_at),
        status.time_unknown,
    )


@app.page("/sources")
class Sources(View):
    """All sources of the settings."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        require_recovered()
        urls = [without_secret(url) for url in settings.sources]
        return json_response([_shown(status) for status in services.source_statuses.current(urls, now_ms())])
