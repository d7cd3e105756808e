"""Compares this machine's clock with Kafka's, at the start and every minute; `/readyz` says when it is wrong."""

import logging

from tweetream.app import app
from tweetream.kafka.clock import clock
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.topology import CLOCK, services

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds


@app.starting
async def look() -> None:
    """Send a record, whose time of arrival is Kafka's clock."""
    try:
        await clock().look(services.producer, CLOCK, lambda: not app.should_stop)
    except Abandoned:
        pass  # the worker ends
    except RecordRejected as error:  # an exception that leaves a timer ends the worker
        log.warning("the clock cannot be compared with Kafka's: %s", error)


@app.timer(EVERY)
async def look_again() -> None:
    """A clock may be set, or go wrong."""
    await look()
