"""The commands that change user topics: the records of the commands topic."""

from typing import Annotated, Literal

import msgspec

from tweetream.models.alert import AlertRule
from tweetream.models.backfill import Backfill, Seconds

MAX_CALLER = 100  # characters of a caller's name, and of an address


class Command(msgspec.Struct, frozen=True):
    """A record of the commands topic. `forget` drops a tombstone of `generation`, or its `former`.

    `remake` says that somebody deleted the Kafka topic of `generation`: it is about to be made again.

    `edit` gives an active topic another track, unless it is empty, and another rule for alerts, if `alert` is set; its
    feed stays. With `missing`, `add` applies only to a name that has neither an entry nor a tombstone. With `alert`, it
    gives the new topic a rule too. With `backfill`, it also looks that many seconds back in the archive, and `filled`
    says what came of that for the topic of `generation` (`outcome`). `by` and `address` tell who sent it.
    """

    action: Literal["add", "edit", "delete", "forget", "remake", "filled"]
    name: str
    track: tuple[str, ...] = ()
    generation: int = 0
    missing: bool = False
    alert: AlertRule | None | msgspec.UnsetType = msgspec.UNSET
    backfill: Seconds = 0
    outcome: Backfill | None = None
    by: Annotated[str, msgspec.Meta(max_length=MAX_CALLER)] = ""
    address: Annotated[str, msgspec.Meta(max_length=MAX_CALLER)] = ""
