"""`GET /topics/NAME/posts.csv`, `.jsonl` and `.rss`: all posts that a feed has, streamed; of RSS the newest hundred.

With `from=archive` a file has the posts of the archive, each with all its topics.

An export counts as a stream of its address and reads within its budget: it is slowed down, not refused. A client that
takes nothing for a while is cut off.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from aiohttp import web
from aiokafka.errors import KafkaError
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.feeds.past import PastReader
from tweetream.feeds.record import EVERY_POST, FeedRecord
from tweetream.feeds.whole import WholeQuery, whole
from tweetream.models.feed import FeedEntry
from tweetream.models.post_files import COLUMNS, header, post_lines
from tweetream.models.topic import Topic
from tweetream.topology import topics_table
from tweetream.web import query
from tweetream.web.feed_server import feed_server
from tweetream.web.labels import check_label
from tweetream.web.middleware import common_headers
from tweetream.web.problems import Problem
from tweetream.web.rss import rss
from tweetream.web.search import archive_reads
from tweetream.web.topics import find

NEWEST = 100  # posts of RSS
ARCHIVED_COLUMNS = (*COLUMNS, "topics")
TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "rss": "application/rss+xml"}
_entry = msgspec.json.Decoder(FeedEntry)


def entries(records: list[FeedRecord]) -> list[FeedEntry]:
    """The posts of records. Others can write to Kafka too, and what is no post is left out."""
    found = []
    for record in records:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            found.append(_entry.decode(record.data))
    return found


async def parts(past: PastReader, topic: Topic, asked: WholeQuery, format: str) -> AsyncIterator[bytes]:
    """The file in parts."""
    yield header(COLUMNS, format)
    async for records in whole(past, topic.kafka_topic, asked):
        yield post_lines(entries(records), COLUMNS, format)


async def archived_parts(request: web.Request, name: str, format: str) -> AsyncIterator[bytes]:
    """The file in parts, from the archive. Raises Problem."""
    yield header(ARCHIVED_COLUMNS, format)
    topic = topics_table.entry(query.topic_name(name))
    async for posts in archive_reads().whole(request, name, topic is not None and topic.alive):
        yield post_lines(posts, ARCHIVED_COLUMNS, format)


def is_of_archive(request: web.Request) -> bool:
    """Whether the query asks for the archive's posts. Raises Problem."""
    origin = request.query.get("from", "feed")
    if origin not in ("feed", "archive"):
        raise Problem(400, "from is feed or archive")
    if origin == "archive":
        archive_reads().require()
    return origin == "archive"


class _Export(View):
    """An export in one format."""

    format: str

    def _headers(self, request: web.Request, name: str) -> dict[str, str]:
        saved = {} if self.format == "rss" else {"Content-Disposition": f'attachment; filename="{name}.{self.format}"'}
        kind = f"{TYPES[self.format]}; charset=utf-8"
        return {**common_headers(request, settings), "Content-Type": kind, "Cache-Control": "no-store", **saved}

    async def _asked(self, request: web.Request, topic: Topic) -> WholeQuery:
        kept = query.post_filter(request)
        await check_label(kept, [topic])
        server = feed_server()
        scan = server.reads.stream(server.addresses.of(request), filtered=kept != EVERY_POST)
        return WholeQuery(query.moment(request, "since"), query.moment(request, "until"), kept, scan)

    async def _parts(self, request: web.Request, name: str) -> AsyncIterator[bytes]:
        if is_of_archive(request):
            return archived_parts(request, name, self.format)
        topic = find(name)
        return parts(feed_server().hub.past, topic, await self._asked(request, topic), self.format)

    @override
    async def head(self, request: Any, name: str) -> web.StreamResponse:
        await self._parts(request, name)
        return web.Response(headers=self._headers(request, name))

    @override
    async def get(self, request: Any, name: str) -> web.StreamResponse:
        written = await self._parts(request, name)
        server = feed_server()
        with server.limits.slot(server.addresses.of(request)):
            response = web.StreamResponse(headers=self._headers(request, name))
            if request.version < (1, 1):
                response.force_close()
            first = await anext(written) + await anext(written, b"")  # what fails until here has an answer of its own
            await response.prepare(request)
            try:
                await self._write(response, first)
                async for part in written:
                    await self._write(response, part)
                await response.write_eof()
            # An end without the last chunk: the file is not whole.
            except (ConnectionError, TimeoutError, KafkaError, Problem):
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def _write(self, response: web.StreamResponse, part: bytes) -> None:
        async with asyncio.timeout(settings.slow_client_timeout):
            await response.write(part)


@app.page("/topics/{name}/posts.csv")
class Csv(_Export):
    """For spreadsheets."""

    format = "csv"


@app.page("/topics/{name}/posts.jsonl")
class JsonLines(_Export):
    """For programs, and for `replay:`."""

    format = "jsonl"


@app.page("/topics/{name}/posts.rss")
class Rss(_Export):
    """For feed readers."""

    format = "rss"

    @override
    async def get(self, request: Any, name: str) -> web.StreamResponse:
        topic = find(name)
        asked = await self._asked(request, topic)
        server = feed_server()
        past = server.hub.past
        with server.limits.slot(server.addresses.of(request)):  # it may be slowed down for as long as a stream lasts
            if asked.since is None and asked.until is None:
                found = list(await past.last(topic.kafka_topic, NEWEST, asked.post_filter, asked.scan))
            else:
                found = []
                async for records in whole(past, topic.kafka_topic, asked):
                    found = [*found, *records][-NEWEST:]
        site = f"{request.scheme}://{request.host}/#{name}"
        return web.Response(body=rss(name, site, reversed(entries(found))), headers=self._headers(request, name))
