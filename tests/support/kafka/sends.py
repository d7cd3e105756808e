"""Records that are added to the queue of a partition, for tests of the producer."""

from collections.abc import Callable, Sequence

from typing_extensions import override

from tweetream.kafka.send_queue import AnyRecord, Send, StillAssigned

End = Callable[[Send, Exception | None], None]


class AddedSend(Send):
    """A send that calls a function when it has ended."""

    __slots__ = ("_end",)

    def __init__(self, records: Sequence[AnyRecord], still_assigned: StillAssigned, end: End) -> None:
        super().__init__(records, None, still_assigned)
        self._end = end

    @override
    def ended(self, error: Exception | None) -> None:
        self._end(self, error)
