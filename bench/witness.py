"""What is no worker's doing: a bare consumer that reads the same feed, and a server for attackers that does nothing.

The consumer tells what Kafka and the machine's scheduler take for an event. Attackers of the decoy use the machine and
not the worker: what streams notice of them is the price of sharing its cores.
"""

import asyncio
import re
import time
from array import array
from multiprocessing.connection import Connection
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from sse_appender import STAMP

BUSY = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Connection: keep-alive\r\n\r\n{}"
)


class Seen(NamedTuple):
    """Milliseconds from the moment an event was sent."""

    p50: float
    p99: float


def serve(pipe: Connection, bootstrap: str, topic: str) -> None:
    """Read the topic, until something is said; then tell what was Seen since the last time, and read on."""
    asyncio.run(_read(pipe, bootstrap, topic))


async def _read(pipe: Connection, bootstrap: str, topic: str) -> None:
    tp = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        consumer.assign([tp])
        await consumer.seek_to_end(tp)
        latencies = array("q")
        pipe.send("reading")
        while True:
            found = await consumer.getmany(tp, timeout_ms=100)
            now = time.monotonic_ns()
            for record in found.get(tp, ()):
                if match := STAMP.search(record.value):
                    latencies.append(now - int(match[2]))
            if pipe.poll():
                pipe.recv()
                ordered = sorted(latencies) or [0]
                pipe.send(Seen(*(ordered[int(len(ordered) * share)] / 1e6 for share in (0.5, 0.99))))
                latencies = array("q")
    finally:
        await consumer.stop()


def serve_decoy(pipe: Connection) -> None:
    """Tell the port of a server that answers 429 to each request, and serve until the pipe ends."""
    asyncio.run(_decoy(pipe))


async def _decoy(pipe: Connection) -> None:
    server = await asyncio.start_server(_refuse, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    while not pipe.poll():
        await asyncio.sleep(0.1)


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"(?i)content-length: *([0-9]+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(BUSY)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
