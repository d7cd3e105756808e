"""A topic's backfill: stored posts of the archive that its feed gets before its live ones.

Each of these posts has a stamp of a partition of its own, ARCHIVED. Its epoch is 0, its sequence the key of the post in
the archive, its index the number of stored posts before it. So the last stamp in the feed says where to go on.
"""

from typing import Annotated, Literal

import msgspec

from tweetream.models.feed import MAX_OFFSET, MAX_PARTITIONS, Stamp
from tweetream.models.post import Natural
from tweetream.models.setting_values import seconds

ARCHIVED = MAX_PARTITIONS  # in place of a partition of posts, in the stamps of stored posts
LEAST, MOST = 60, 3650 * 86_400  # seconds that a backfill goes back
MAX_REASON = 500  # characters
Seconds = Annotated[int, msgspec.Meta(ge=0, le=MOST)]


class Backfill(msgspec.Struct, frozen=True):
    """What a topic was to get from the archive, and what came of it.

    It was asked for by the command at the offset `command`: posts of the last `seconds`, that is, received from `since`
    to before `until` (ms since 1970). `posts` of them are in the feed, before the offset `end`. `reason` says in one
    line what to do, if something is to be done.
    """

    seconds: Seconds
    command: int = 0
    since: Natural = 0
    until: Natural = 0
    state: Literal["running", "done", "failed"] = "running"
    posts: Natural = 0
    end: Annotated[int, msgspec.Meta(ge=0, le=MAX_OFFSET - 1)] = 0
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)] = ""

    @property
    def is_running(self) -> bool:
        """Whether live posts have to wait."""
        return self.state == "running"


def backfill_seconds(text: str) -> int:
    """How far `7d` or `12h` goes back, in seconds. Raises ValueError with what to write."""
    try:
        found = float(seconds(text))
    except ValueError:
        found = 0.0
    if not LEAST <= found <= MOST:
        raise ValueError(f"backfill is a time from 1m to {MOST // 86_400}d, such as 12h or 7d")
    return round(found)


def archived_stamp(key: int, number: int) -> Stamp:
    """The stamp of the stored post with this key, before which the feed has got so many."""
    return Stamp(ARCHIVED, 0, key, number)
