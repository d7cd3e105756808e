"""Writes the records of an event to its feeds at once, where nothing has to be waited for first.

A task for each feed of an event costs more than its posts, when a thousand topics get a post or two each. So the
records are only put into the queues of the producer, and this counts until all have ended. A feed of which something
must be read first, or whose earlier records are not in its queue yet, is written step by step (`classification`).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping
from functools import cache
from itertools import islice
from typing import TypeVar

from typing_extensions import override

from tweetream import metrics
from tweetream.agents.counted import CountedStamps
from tweetream.agents.waiting import waiting
from tweetream.app import app, kafka, settings
from tweetream.feeds.written import KnownOfFeeds, Records, WrittenStamps
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.send_queue import Header, Limit, Send, StillAssigned
from tweetream.kafka.write_watch import Unwritable
from tweetream.topology import dead_letter, feed_name, is_live, services, topics_table

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
    keys, turn, strict, offsets = None, None, False, ()  # of all of them, so they take no time and no memory

    def __init__(self, writes: "FeedWrites", feed: str, records: Records) -> None:
        self.records, self.sent, self.too_large = records, 0, ()
        self._writes, self._feed = writes, feed

    @override
    def still_assigned(self) -> bool:
        return self._writes.may_send(self._feed)

    @override
    def pairs(self, most: int) -> list[tuple[bytes | None, list[Header]]]:
        return [(record.value, record.headers()) for record in islice(self.records, self.sent, self.sent + most)]

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

    def begin(self, records: Mapping[str, Records]) -> list[str]:
        """Put the records that a feed does not have into its queue. The feeds of which that must be `step_by_step`."""
        ready, others = self._ready(records), list[str]()
        for feed, of_feed in records.items():
            try:
                if feed in ready and self._begin(feed, of_feed):
                    continue
            except Exception as error:  # noqa: BLE001 - the other feeds go on; the event fails when all have ended
                self._failed.append(error)
                continue
            _stepwise[feed] += 1
            others.append(feed)
        return others

    def _ready(self, feeds: Iterable[str]) -> frozenset[str]:
        """Those of the feeds that may be sent to at once, as far as that is not known of the records."""
        if not self._still_assigned():
            return frozenset()
        watch, table = services.producer.watch, topics_table
        leaderless = [] if watch is None else watch.leaderless()
        others = (_stepwise, table.filling_feeds(), leaderless, waiting().behind(self._partition))
        return table.live_feeds().intersection(feeds).difference(*others)

    def _begin(self, feed: str, records: Records) -> bool:
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
        live = self._still_assigned() and feed in topics_table.live_feeds()
        return live and not waiting().is_behind(self._partition, feed)

    def feed_ended(self, feed: str, send: Send, error: Exception | None) -> None:
        """Called before the queue sends what comes later: a backlog must be known until then."""
        try:
            if error is None:
                self._written(feed, send)
            else:
                self._not_written(feed, error)
        except Exception as failed:  # noqa: BLE001 - whatever it is, the event comes to its end
            self._failed.append(failed)
        self._left -= 1
        if not self._left and not self._all_ended.done():
            self._all_ended.set_result(None)

    def _written(self, feed: str, send: Send) -> None:
        written().add(feed, send.records)
        metrics.fed(feed_name(feed).topic).inc(len(send.records) - len(send.too_large))
        for nth in send.too_large:
            value = send.records[nth].value
            self._rest.append(dead_letter(feed, value, f"{len(value)} bytes are too many for Kafka"))

    def _not_written(self, feed: str, error: Exception) -> None:
        """A rebalance can take a topic out of the table for a moment, so that the event comes again."""
        if isinstance(error, Unwritable):
            self._rest.append(waiting().begin(self._partition, feed, self._offset, self._still_assigned))
        elif not isinstance(error, Abandoned) or not self._still_assigned():
            self._failed.append(error)
        elif not is_live(feed):
            written().forget(feed)
        elif not waiting().pass_over(self._partition, feed, self._offset):
            self._failed.append(error)
        self._note_uncounted(feed)

    def _note_uncounted(self, feed: str) -> None:
        if not waiting().is_counted(self._partition, feed):
            self.uncounted.append(feed)
