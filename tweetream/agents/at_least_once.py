"""How every agent of the way reads: events in order, a few being delivered at once, acknowledged when delivered.

The body of an agent never lets an exception escape: Faust would commit what was not done. What the broker
does not take is tried on, what cannot be read is put aside, and a record of a newer version stops the worker.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from faust.streams import Stream
from faust.types import EventT

from tweetream.app import app
from tweetream.engine.consumer import Consumer
from tweetream.engine.worker import stop_worker
from tweetream.kafka.producer import Abandoned, RecordRejected, StillAssigned
from tweetream.models.codec import TooNew, Undecodable
from tweetream.topology import dead_letter, flowing

log = logging.getLogger(__name__)
Delivery = Callable[[], Awaitable[None]]
Work = Callable[[EventT[Any], StillAssigned], Awaitable[Delivery | None]]
UNDELIVERED = 32  # events of an agent that may be on their way at once

_running: set[asyncio.Task[None]] = set()


async def run(stream: Stream[Any], work: Work) -> None:
    """Give each event to `work`, one after the other; run the delivery it returns beside the next ones.

    Deliveries begin in the order of the events, and the outbox keeps that order in each partition. `work` gets what
    tells whether the event is still this worker's to deliver: once a rebalance has come, never again.
    """
    free = asyncio.Semaphore(UNDELIVERED)
    async for event in stream.noack().events():
        await free.acquire()
        delivery = await _attempt(event, work)
        if delivery is None:
            free.release()
            continue
        task = asyncio.create_task(_deliver(event, delivery))
        _running.add(task)
        task.add_done_callback(_running.discard)
        task.add_done_callback(lambda _: free.release())


async def _attempt(event: EventT[Any], work: Work) -> Delivery | None:
    """What `work` wants delivered; None if that is over, the event acknowledged or given up."""
    message = event.message
    still_assigned = partial(is_still_assigned, event)
    try:
        if not still_assigned():
            raise Abandoned("a rebalance came before it was begun")
        delivery = await work(event, still_assigned)
        if delivery is None:
            event.ack()
        return delivery
    except TooNew as error:
        stop_worker(str(error))
        return None
    except Abandoned:
        give_up(event)
        return None
    except Undecodable as error:
        reason = f"offset {message.offset} of partition {message.partition} does not decode: {error}"
    except Exception as error:  # a fault of ours in one record must not stop the others; it is kept to be looked at
        log.exception("offset %s of %s", message.offset, message.tp)
        reason = f"offset {message.offset} of partition {message.partition}: {error!r}"
    return lambda: dead_letter(message.topic, message.value, reason)


async def _deliver(event: EventT[Any], delivery: Delivery) -> None:
    message = event.message
    try:
        try:
            await delivery()
        except RecordRejected as error:
            await dead_letter(message.topic, message.value, str(error))
        except Abandoned:
            raise
        except Exception as error:  # as above; without this the event would block every commit behind it
            log.exception("offset %s of %s", message.offset, message.tp)
            await dead_letter(message.topic, message.value, repr(error))
    except Abandoned:
        give_up(event)
    else:
        event.ack()


def is_still_assigned(event: EventT[Any]) -> bool:
    """Whether the event is this worker's to deliver."""
    return flowing() and cast(Consumer, app.consumer).is_current(event.message)


def give_up(event: EventT[Any]) -> None:
    """Not acknowledged: it comes again, and the rebalance that is the reason need not wait for it."""
    cast(Consumer, app.consumer).give_up(event.message)
