"""The commands that change user topics: the records of the commands topic."""

from typing import Literal

import msgspec


class Command(msgspec.Struct, frozen=True):
    """A record of the commands topic. `forget` drops a tombstone of `generation`, or its `former`.

    With `missing`, `add` applies only to a name that has neither an entry nor a tombstone.
    """

    action: Literal["add", "delete", "forget"]
    name: str
    track: tuple[str, ...] = ()
    generation: int = 0
    missing: bool = False
