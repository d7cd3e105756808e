"""How all agents but counting read: events in order, a few deliveries at once, an acknowledgement after each.

No exception escapes from an agent, since Faust would then commit an event that is not done. A send that the broker does
not take is tried again, and so is an event for which this machine lacks files or memory. A record that cannot be read
becomes a dead letter. A record of a newer version stops the worker.
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
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.retry import retry_machine_errors
from tweetream.kafka.send_queue import StillAssigned
from tweetream.models.codec import TooNew, Undecodable
from tweetream.topology import dead_letter, services

log = logging.getLogger(__name__)
Delivery = Callable[[], Awaitable[None]]
Work = Callable[[EventT[Any], StillAssigned], Awaitable[Delivery | None]]
UNDELIVERED = 32  # events of an agent that may be in delivery at once


class AtLeastOnce:
    """One reader of an agent's stream.

    It gives each event to `work`, one after the other, and runs the delivery that `work` returns beside the next
    events. Deliveries begin in the order of the events, and the producer keeps that order in each partition. `work`
    also gets a function that says whether the event still belongs to this worker: after a rebalance, never again.
    """

    def __init__(self, work: Work) -> None:
        self._work = work

    async def run(self, stream: Stream[Any]) -> None:
        free = asyncio.Semaphore(UNDELIVERED)
        async for event in stream.noack().events():
            await free.acquire()
            delivery = await self._attempt(event)
            if delivery is None:
                free.release()
                continue
            task = asyncio.create_task(_deliver(event, delivery))
            services.deliveries.add(task)
            task.add_done_callback(services.deliveries.discard)
            task.add_done_callback(lambda _: free.release())

    async def _attempt(self, event: EventT[Any]) -> Delivery | None:
        """The delivery that `work` returns. None if the event is done: acknowledged or given up."""
        message = event.message
        attempt = partial(self._work, event, still_assigned(event))
        try:
            delivery = await retry_machine_errors(attempt, partial(check_assigned, event))
            if delivery is None:
                event.ack()
            return delivery
        except TooNew as error:
            app.abort(str(error))
            return None
        except Abandoned:
            give_up(event)
            return None
        except Undecodable as error:
            reason = f"offset {message.offset} of partition {message.partition} does not decode: {error}"
        except Exception as error:  # a bug of ours in one record must not stop the others; the record is kept
            log.exception("offset %s of %s", message.offset, message.tp)
            reason = f"offset {message.offset} of partition {message.partition}: {error!r}"
        return lambda: dead_letter(message.topic, message.value, reason)


async def _deliver(event: EventT[Any], delivery: Delivery) -> None:
    message = event.message
    try:
        try:
            # What was delivered before the error is delivered twice, and recognised by its stamps.
            await retry_machine_errors(delivery, partial(check_assigned, event))
        except RecordRejected as error:
            await dead_letter(message.topic, message.value, str(error))
        except Abandoned:
            raise
        except Exception as error:  # as above; without this the event would block every later commit
            log.exception("offset %s of %s", message.offset, message.tp)
            await dead_letter(message.topic, message.value, repr(error))
    except Abandoned:
        give_up(event)
    else:
        event.ack()


def time_of(event: EventT[Any]) -> int:
    """The time of the event's record in Kafka (ms since 1970)."""
    return round(event.message.timestamp * 1000)


def is_still_assigned(event: EventT[Any]) -> bool:
    """Whether this worker may deliver the event: no rebalance has come since it was read."""
    return still_assigned(event)()


def still_assigned(event: EventT[Any]) -> StillAssigned:
    """A function that says whether the event `is_still_assigned`. It looks up little: each feed of an event asks it."""
    is_flowing, is_current, message = app.is_flowing, cast(Consumer, app.consumer).is_current, event.message
    return lambda: is_flowing() and is_current(message)


def check_assigned(event: EventT[Any]) -> None:
    """Raise Abandoned unless this worker may deliver the event."""
    if not is_still_assigned(event):
        raise Abandoned("a rebalance came before it was done")


def give_up(event: EventT[Any]) -> None:
    """Leave the event unacknowledged, so that it comes again; the rebalance does not wait for it."""
    cast(Consumer, app.consumer).give_up(event.message)
