"""The hub that this worker's clients share, and what they may ask for in a query."""

import datetime
import re

from aiohttp import web

from tweetream.app import app, kafka, settings
from tweetream.feeds.hub import Hub
from tweetream.feeds.record import Filter
from tweetream.kafka.compacted import Record
from tweetream.topology import RETRACTED, services
from tweetream.web.middleware import Problem

hub = Hub(kafka, dedup_window=settings.dedup_window, feed_idle_timeout=settings.feed_idle_timeout)


def _take_back(records: list[Record]) -> None:
    for notice in records:
        id = notice.key.decode(errors="replace")
        if notice.value is None:
            hub.retractions.forget(id)
        elif id:
            hub.retract(id, notice.timestamp)


services.compacted.follow(RETRACTED, _take_back)


@app.before
async def _start() -> None:
    await hub.start()


app.after(hub.stop)


def number(request: web.Request, name: str, default: int, most: int, least: int = 0) -> int:
    """A whole number of the query, from `least` to `most`."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 19 and least <= int(text) <= most):
        raise Problem(400, f"{name} is a whole number from {least} to {most}")
    return int(text)


def wanted(request: web.Request) -> Filter:
    """Which posts the query lets pass, by `label` and `min_score`."""
    text = request.query.get("min_score", "0")
    if not re.fullmatch(r"(0|1|0\.[0-9]{1,20}|1\.0{1,20})", text):
        raise Problem(400, "min_score is a number from 0 to 1, such as 0.75")
    return Filter(request.query.get("label"), float(text))


def when(request: web.Request) -> int | None:
    """`since` of the query, ISO 8601 or ms since 1970, as ms since 1970."""
    text = request.query.get("since")
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 16:
        return int(text)
    try:
        # A "+" that was not escaped arrives as a blank.
        time = datetime.datetime.fromisoformat(text.replace(" ", "+", 1) if "T" in text else text)
    except ValueError:
        raise Problem(400, "since is a time in ISO 8601 or in ms since 1970") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.UTC)
    return max(0, int(time.timestamp() * 1000))
