"""Serves feeds to this worker's clients: owns the hub, the fan-out, the open streams and their limits.

One FeedServer is made for each worker, before the app's services start. Views reach it by `feed_server()`.
"""

import asyncio
import contextlib
from functools import cache
from typing import cast

from aiohttp import web
from aiokafka.errors import KafkaError

from tweetream import metrics
from tweetream.app import app, kafka, settings
from tweetream.engine.web_server import Web
from tweetream.feeds.hub import Hub
from tweetream.feeds.record import EVERY_POST
from tweetream.kafka.compacted import CompactedRecord
from tweetream.kafka.connection import Connection
from tweetream.models.errors import is_machine_error
from tweetream.models.topic import Topic
from tweetream.settings import Settings
from tweetream.topology import RETRACTED, feed_name, services, topics_table
from tweetream.web.fanout import FanOut
from tweetream.web.limits import ClientAddresses, ConnectionLimits, ReadLimits, StreamLimits, raise_open_files
from tweetream.web.stream import Stream, StreamQuery

FINISH_TIMEOUT = 0.5  # seconds in which some stream must finish by itself, or the rest is cut off
FINISH_AT_MOST = 2.0  # seconds for all of them: a thousand on a busy machine
MAX_ID = 600  # characters of a post's id: 512 of its source, and the number of a replay's round


class FeedServer:
    """The streams of a worker, and what they share."""

    connections: ConnectionLimits  # from the start on

    def __init__(self, kafka: Connection, settings: Settings) -> None:
        self._settings = settings
        self.hub = Hub(kafka, dedup_window=settings.dedup_window, feed_idle_timeout=settings.feed_idle_timeout)
        self.addresses = ClientAddresses(settings.trusted_proxies)
        self.limits = StreamLimits(settings.max_streams, settings.max_streams_per_address)
        self.reads = ReadLimits()
        self._fan_out = FanOut()
        self.hub.past.available = lambda kafka_topic: not services.producer.is_leaderless(kafka_topic)
        self.hub.on_records = self._fan_out.flush
        self._streams: set[Stream] = set()
        self._logs: dict[str, str] = {}  # of the feeds followed, as positions name them
        self._closing = False
        self._stream_ended = asyncio.Event()

    async def start(self) -> None:
        files = raise_open_files(self._settings.max_streams)
        self.connections = ConnectionLimits(self._settings, files, self.addresses)
        metrics.max_streams.set(self._settings.max_streams)
        await self.hub.start()
        await self._fan_out.start()

    async def stop(self) -> None:
        await self._fan_out.stop()
        await self.hub.stop()

    async def serve(
        self, request: web.Request, response: web.StreamResponse, query: StreamQuery, found: dict[str, Topic | None]
    ) -> None:
        """Run a stream of the topics `found` until it ends for any reason."""
        scan = self.reads.stream(self.addresses.of(request), filtered=query.post_filter != EVERY_POST)
        stream = Stream(self.hub, self._fan_out, self._settings, request, response, query, scan)
        self._streams.add(stream)
        metrics.sse_clients.inc()
        if self._closing:
            stream.finish()
        try:
            await stream.run(found)
        except (ConnectionError, KafkaError):
            pass  # the client has gone, or will reconnect when Kafka is back
        except (OSError, MemoryError, RuntimeError) as error:
            if not is_machine_error(error):
                raise  # else the client reconnects too
        except asyncio.CancelledError:
            if not self._closing:
                raise
        finally:
            self._streams.discard(stream)
            self._stream_ended.set()
            metrics.sse_clients.dec()

    async def close_streams(self) -> None:
        """End every stream after an event; aiohttp would wait for minutes for an open one."""
        self._closing = True
        for stream in list(self._streams):
            stream.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_AT_MOST):
                while self._streams:
                    self._stream_ended.clear()
                    async with asyncio.timeout(FINISH_TIMEOUT):
                        await self._stream_ended.wait()
        for stream in list(self._streams):  # these wait for Kafka, or for a client that does not read
            stream.end()

    def follow_topics(self) -> None:
        """Drop the feeds of deleted topics, before Kafka's own topic is deleted, and those that are made again.

        Streams end that wait for a feed which can be read again.
        """
        logs = {}
        for kafka_topic in self.hub.followed():
            topic = topics_table.entry(feed_name(kafka_topic).topic)
            if topic is None or not topic.alive or topic.kafka_topic != kafka_topic:
                self.hub.drop(kafka_topic)
                continue
            logs[kafka_topic] = topic.log
            if self._logs.get(kafka_topic, topic.log) != topic.log:
                self.hub.restart(kafka_topic)  # its Kafka topic is made again: an offset means another record now
        self._logs = logs
        for stream in self._streams:
            stream.finish_if_readable()

    def take_retractions(self, records: list[CompactedRecord]) -> None:
        """Take records of the topic of retracted ids: each key is the id of a post, each tombstone revokes one."""
        for record in records:
            id = record.key.decode(errors="replace")
            if len(id) > MAX_ID:  # no post has it
                metrics.dead_letters.labels(RETRACTED).inc()
            elif record.value is None:
                self.hub.retractions.forget(id)
            elif id:
                self.hub.retract(id, record.timestamp)


@cache
def feed_server() -> FeedServer:
    """This worker's own, made at the first call."""
    return FeedServer(kafka, settings)


@app.before
async def _start() -> None:
    server = feed_server()
    services.compacted.follow(RETRACTED, server.take_retractions)
    await server.start()
    cast(Web, app.web).admission = server.connections


@app.timer(0.25)
async def _follow_topics() -> None:
    feed_server().follow_topics()


@app.closing
async def _close_streams() -> None:
    await feed_server().close_streams()


@app.after
async def _stop() -> None:
    await feed_server().stop()
