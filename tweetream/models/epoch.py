"""Epochs: the time (ms since 1970) at which a worker took over the sources, or a little more if clocks differ.

A forged epoch far in the future would make every later record look old. So an epoch counts only up to a day after the
time of its Kafka record. All readers decide by that time alone: they agree, also when they read the record again.
"""

from tweetream.models.codec import Undecodable

MAX_AHEAD = 24 * 3_600_000  # ms


def is_plausible(epoch: int, timestamp: int) -> bool:
    """Whether a record of that time (ms since 1970) can have the epoch."""
    return epoch <= timestamp + MAX_AHEAD


def check_epoch(epoch: int, timestamp: int) -> None:
    """Raise Undecodable if a record of that time (ms since 1970) cannot have the epoch."""
    if not is_plausible(epoch, timestamp):
        raise Undecodable(f"the epoch {epoch} is more than a day after the record")
