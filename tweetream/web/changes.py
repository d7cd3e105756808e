"""`GET /changes`: who changed which topic in the last 90 days, for the role `admin`."""

import asyncio
import contextlib
from collections.abc import Iterable
from functools import cache
from typing import Any

from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, kafka, settings
from tweetream.kafka.readers import last_records
from tweetream.models import codec
from tweetream.models.change import Change
from tweetream.models.feed import rfc3339
from tweetream.models.token import Role
from tweetream.topology import CHANGES
from tweetream.web import query
from tweetream.web.auth import access
from tweetream.web.health import require_recovered
from tweetream.web.problems import Problem
from tweetream.web.responses import json_response
from tweetream.web.schemas import ChangeAnswer

MAX_LAST = 1_000
TIMEOUT = 15.0  # seconds


@cache
def _turn() -> asyncio.Lock:
    """One caller reads at a time: each has a consumer of its own."""
    return asyncio.Lock()


def shown(values: Iterable[bytes | None]) -> list[ChangeAnswer]:
    """The changes in these records, oldest first, each once. What others have written to Kafka is left out."""
    found: list[Change] = []
    for value in values:
        with contextlib.suppress(codec.Undecodable, codec.TooNew):
            found.append(codec.decode(value, Change))
    return [
        ChangeAnswer(rfc3339(change.at), change.by, change.address, change.what, change.topic)
        for change in dict.fromkeys(found)
    ]


@app.page("/changes")
class Changes(View):
    """The newest changes, newest last."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        access(settings).authorize(request, Role.ADMIN)
        last = query.whole_number(request, "last", 100, MAX_LAST, least=1)
        require_recovered()
        try:
            async with asyncio.timeout(TIMEOUT), _turn():
                records = await last_records(kafka, CHANGES, last)
        except TimeoutError:
            raise Problem(503, "the changes took too long to read", {"Retry-After": "5"}) from None
        return json_response(shown(record.value for record in records))
