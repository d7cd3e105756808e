"""Keeps the offsets of commands above the last one applied, when the topic of commands was made anew.

A worker applies a command only if its offset is above the last one applied, which the topics table has. A topic made
anew begins at 0, so commands that change nothing are written first, up to that offset.
"""

import logging

from tweetream.app import kafka
from tweetream.kafka.readers import last_records
from tweetream.models import codec
from tweetream.models.command import Command
from tweetream.topology import COMMANDS, services, topics_table

log = logging.getLogger(__name__)
NOTHING = codec.encode(Command("forget", "0"))
AT_ONCE = 10_000
MOST = 5_000_000  # a larger offset is none of ours


class CommandsLost(Exception):
    """The topic of commands was made anew, and the last command applied has an offset that no worker gave it."""


async def continue_offsets() -> None:
    """Make the next command's offset larger than that of the last one applied. Raises KafkaError or CommandsLost."""
    applied = topics_table.applied
    last = await last_records(kafka, COMMANDS, 1)
    if applied < 0 or (last and last[0].offset >= applied):
        return
    begin: int = (await services.producer.send(COMMANDS, 0, NOTHING)).offset
    missing = applied - begin
    if missing > MOST:
        raise CommandsLost(f"{COMMANDS} begins at {begin}, and command {applied} was applied")
    if missing > 0:
        log.warning("%s was made anew: its offsets go on after %d, the last command applied", COMMANDS, applied)
    while missing > 0:
        await services.producer.send_all(COMMANDS, 0, [(NOTHING, [])] * min(missing, AT_ONCE))
        missing -= AT_ONCE
