"""A feed that posts wait for: the records of the waiting topic."""

import msgspec


class Waiting(msgspec.Struct, frozen=True):
    """The posts of a partition of tagged, from the offset `start` on, are still to be written to the feed.

    `counted` is whether they were counted when they were passed over, or are counted when the feed has them.
    """

    partition: int
    feed: str
    start: int
    counted: bool = True

    @property
    def key(self) -> bytes:
        return f"{self.partition}/{self.feed}".encode()
