"""Who changed which topic: the records of the changes topic, which Kafka keeps for 90 days."""

from typing import Literal

import msgspec

LOOPBACK = "loopback"  # this machine, where no token is set
SETTINGS = "settings"  # TWEETREAM_TOPICS
UNKNOWN = "unknown"  # a worker of an earlier version sent the command


class Change(msgspec.Struct, frozen=True):
    """A change that was sent at `at` (ms since 1970), by the token of that name, from the address.

    `command` is the offset of its command. A change that was recorded twice, since a worker died in between, is equal.
    """

    at: int
    by: str
    address: str
    what: Literal["add", "edit", "delete"]
    topic: str
    command: int
