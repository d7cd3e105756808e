"""Writes the records of an event to its feeds at once, where nothing has to be waited for first.

A task for each feed of an event costs more than its posts, when a thousand topics get a post or two each. So the
records are only put into the queues of the producer, and this counts until all have ended. A feed of which something
must be read first, or whose earlier records are not in its queue yet, is written step by step (`classification`).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from functools import cache
from typing import TypeVar

from typing_extensions import override

from tweetream import metrics
from tweetream.agents.counted import CountedStamps
from tweetream.agents.waiting import waiting
from tweetream.app import app, kafka, settings
from tweetream.feeds.written import KnownOfFeeds, Records, WrittenStamps
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.send_queue import Limit, Send, StillAssigned, always
from tweetream.kafka.write_watch import Unwritable
from tweetream.topology import dead_letter, feed_name, is_filling, is_live, services, topics_table

Result = TypeVar("Result")
_stepwise: Counter[str] = Counter()  # feeds with writes step by step that have not begun yet


@cache
def written() -> WrittenStamps:
    """What the feeds have, for this worker."""
    known = KnownOfFeeds(CountedStamps().of, _remade, lambda feed: not services.producer.is_missing(feed))
    return WrittenStamps(kafka, settings.partitions, settings.feed_retention, known)


def _remade(feed: str) -> int:
    entry = topics_table.entry(feed_name(feed).topic)
    return 0 if entry is None else entry.remade


@app.after
async def _stop() -> None:
    await written().stop()


class _FeedSend(Send):
    """The records of one feed. It is no Send with functions, since an event can make a thousand of them."""

    __slots__ = ("_writes", "_feed")

    def __init__(self, writes: "FeedWrites", feed: str, records: Records) -> None:
        super().__init__(records, None, always)
        self._writes, self._feed = writes, feed

    @override
    def still_assigned(self) -> bool:
        return self._writes.may_send(self._feed)

    @override
    def limit(self) -> Limit:
        return services.producer.limit(self._feed)

    @override
    def ended(self, error: Exception | None) -> None:
        self._writes.feed_ended(self._feed, self, error)


class FeedWrites:
    """The writes of one event, a record of tagged in `partition` at `offset`."""

    def __init__(self, partition: int, offset: int, still_assigned: StillAssigned) -> None:
        self._partition, self._offset, self._still_assigned = partition, offset, still_assigned
        self._left = 0
        self._all_ended = asyncio.get_running_loop().create_future()
        self._failed: list[BaseException] = []
        self._rest: list[Awaitable[None]] = []
        self.uncounted: list[str] = []  # feeds whose posts are not to be counted now, when all have ended

    def begin(self, feed: str, records: Records) -> bool:
        """Put the records that the feed does not have into its queue. False if that must be done `step_by_step`."""
        try:
            begun = self._begin(feed, records)
        except Exception as error:  # noqa: BLE001 - the other feeds go on; the event fails when all have ended
            self._failed.append(error)
            return True
        if not begun:
            _stepwise[feed] += 1
        return begun

    def _begin(self, feed: str, records: Records) -> bool:
        if feed in _stepwise or not self.may_send(feed) or is_filling(feed) or services.producer.is_leaderless(feed):
            return False
        new = written().known_unwritten(feed, records, app.rebalancing_count)
        if new is None:
            return False
        if len(new) < len(records):
            metrics.duplicates.inc(len(records) - len(new))
        if new:
            services.producer.begin_send(feed, 0, _FeedSend(self, feed, new))
            self._left += 1
        return True

    async def step_by_step(self, feed: str, write: Awaitable[Result]) -> Result:
        """Await the write of a feed that did not begin. Later records of the feed do not begin before this runs."""
        _stepwise[feed] -= 1
        if not _stepwise[feed]:
            del _stepwise[feed]
        return await write

    async def ended(self) -> list[BaseException]:
        """Wait until all have ended. The errors for which the event is not done."""
        if self._left:
            await self._all_ended
        outcomes = await asyncio.gather(*self._rest, return_exceptions=True)
        return self._failed + [error for error in outcomes if isinstance(error, BaseException)]

    def may_send(self, feed: str) -> bool:
        """Whether the records may go to this feed now."""
        return self._still_assigned() and is_live(feed) and not waiting().is_behind(self._partition, feed)

    def feed_ended(self, feed: str, send: Send, error: Exception | None) -> None:
        """Called before the queue sends what comes later: a backlog must be known until then."""
        try:
            self._take_outcome(feed, send, error)
        except Exception as failed:  # noqa: BLE001 - whatever it is, the event comes to its end
            self._failed.append(failed)
        self._left -= 1
        if not self._left and not self._all_ended.done():
            self._all_ended.set_result(None)

    def _take_outcome(self, feed: str, send: Send, error: Exception | None) -> None:
        if isinstance(error, Unwritable):
            self._rest.append(waiting().begin(self._partition, feed, self._offset, self._still_assigned))
            self._note_uncounted(feed)
        elif error is not None:
            self._fail(feed, error)
        else:
            written().add(feed, send.records)
            metrics.fed(feed_name(feed).topic).inc(len(send.records) - len(send.too_large))
            for nth in send.too_large:
                value = send.records[nth][0]
                self._rest.append(dead_letter(feed, value, f"{len(value or b'')} bytes are too many for Kafka"))

    def _fail(self, feed: str, error: Exception) -> None:
        """A rebalance can take a topic out of the table for a moment, so that the event comes again."""
        if not isinstance(error, Abandoned) or not self._still_assigned():
            self._failed.append(error)
        elif not is_live(feed):
            written().forget(feed)
        elif not waiting().pass_over(self._partition, feed, self._offset):
            self._failed.append(error)
        self._note_uncounted(feed)

    def _note_uncounted(self, feed: str) -> None:
        if not waiting().is_counted(self._partition, feed):
            self.uncounted.append(feed)
