"""The bytes of Server-Sent Events: every event, comment and field that a stream sends is encoded here.

A post's data is encoded once, by classification; here it only gets its `id`, which covers all feeds of the stream.
Comments and `retry` end in one LF: some clients make an empty event of every blank line.
"""

import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from tweetream.feeds.cursor import Gap
from tweetream.feeds.record import GAP
from tweetream.feeds.subscription import Delivery
from tweetream.models.feed import Position, join_positions

HEARTBEAT = b":\n"
_RECEIVED_AT = b'"received_at":"'  # no text in the JSON can have it: there quotes are escaped


def opening(retry: int) -> bytes:
    """The first bytes of a stream; `retry` is the time in ms after which a client that was cut off reconnects."""
    return b": live\nretry: %d\n" % retry


def deliveries(found: Iterable[Delivery]) -> list[bytes]:
    """The events of what the feeds of a stream deliver, in its order. Made once for all clients that get the same.

    A `retracted` event has no id, since it does not move the stream's position.
    """
    events: list[bytes] = []
    for delivery in found:
        events += retracted(delivery.topic, delivery.retracted)
        if delivery.records:
            # The id around this feed's own offset is the same for all records.
            before = "".join(f"{position}," for position in delivery.before)
            after = "".join(f",{position}" for position in delivery.after)
            head, tail = f"id: {before}{delivery.topic}@{delivery.generation}:".encode(), f"{after}\ndata: ".encode()
            events += [
                b"%s%d%s%s\n\n" % (head, record.offset, tail, record.data)
                if record.label != GAP
                else b"%s%d%s%s\nevent: gap\n\n" % (head, record.offset, tail, _gap_at(delivery, record.offset))
                for record in delivery.records
            ]
    return events


def _gap_at(delivery: Delivery, offset: int) -> bytes:
    """The data of a gap that a feed has at an offset."""
    before, after = (Position(delivery.topic, delivery.generation, at) for at in (offset - 1, offset + 1))
    return _gap_data(Gap(delivery.topic, before, after))


def retracted(topic: str, ids: Iterable[bytes]) -> list[bytes]:
    """The events that retract posts of a topic; each id as it stands in the posts' data, which is JSON already."""
    return [b'event: retracted\ndata: {"topic":"%s","id":"%s"}\n\n' % (topic.encode(), id) for id in ids]


def deleted(topic: str) -> bytes:
    return _named("deleted", {"topic": topic})


def gap(found: Gap) -> bytes:
    return b"event: gap\ndata: %s\n\n" % _gap_data(found)


def _gap_data(found: Gap) -> bytes:
    return msgspec.json.encode({"topic": found.topic, "from": str(found.start), "to": str(found.end)})


def position(id: bytes) -> bytes:
    """Tells a client the position of its stream."""
    return b"id: %s\nevent: position\ndata: {}\n\n" % id


def id_of(positions: Sequence[Position]) -> bytes:
    """The id of a stream that has these positions."""
    return join_positions(positions).encode()


def last_id(events: Sequence[bytes]) -> bytes:
    """The last id in events that begin with it or have none; empty if none has one."""
    for event in reversed(events):
        if event.startswith(b"id: "):
            return event[4 : event.index(b"\n")]
    return b""


def received_at(event: bytes) -> float | None:
    """When the post of an event was read, in seconds since 1970; None if the event is of no post of ours."""
    start = event.find(_RECEIVED_AT) + len(_RECEIVED_AT)
    if start < len(_RECEIVED_AT):
        return None
    with contextlib.suppress(ValueError):  # others can write to Kafka too
        return datetime.fromisoformat(event[start : start + 24].decode()).timestamp()
    return None


def _named(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
