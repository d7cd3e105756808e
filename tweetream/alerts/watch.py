"""One feed with a rule: what was looked at, what is new, and the alert that follows.

The counts, which every worker has, say whether it is worth looking. Posts are read from the feed, as clients do. So the
way of a post knows nothing of alerts.
"""

import time
from collections import deque
from typing import Protocol

from tweetream.alerts import message
from tweetream.alerts.surge import is_surge, measure
from tweetream.feeds.past import PastReader
from tweetream.feeds.record import FeedRecord, Filter, Stamps
from tweetream.models.alert import Alert, AlertRule, AlertState, is_quiet
from tweetream.models.counts import Counts
from tweetream.models.topic import Topic

LATE = 3_600_000  # ms: an alert that is older is of no use
LOOK_AGAIN = 30.0  # seconds: a feed can get its records after the counts say so
LOOK_ON = 5.0  # seconds for which a feed is looked at, after its counts have changed
MEASURE_AGAIN = 5_000  # ms: a surge takes minutes, and reading all counts of a feed costs more than their sum
_MINUTE = 60_000


class CountsOfFeeds(Protocol):
    """The counts table: all counts of a feed, and its posts by label alone."""

    def entry(self, kafka_topic: str) -> Counts: ...

    def labels(self, kafka_topic: str) -> dict[str, int]: ...


def rule_of(topic: Topic) -> str:
    """Names the topic's rule, and the log of its feed to which offsets belong."""
    return f"{topic.log}:{topic.alert_since}"


class Watch:
    """The watch of one feed by the worker that runs the sources, from its takeover on."""

    def __init__(self, past: PastReader, epoch: int, topic: Topic, state: AlertState | None) -> None:
        self.rule = rule_of(topic)
        self._past, self._epoch = past, epoch
        # Of an earlier rule, and of a feed that was made again, nothing counts but the last alert.
        last = None if state is None else state.alert
        self._state = state if state and state.rule == self.rule else AlertState(epoch, self.rule, alert=last)
        self._stamps: Stamps | None = None  # None: nothing was read yet
        self._read_to = -1  # the offset of the feed from which to read on
        self._waiting: deque[FeedRecord] = deque()  # posts for the next alert
        self._counted, self._look_at, self._look_until = -1, 0.0, 0.0
        self._measure_at = 0

    async def look(self, topic: Topic, counts: CountsOfFeeds, now: int) -> AlertState | None:
        """The state with the next alert; also without one, when a surge has ended. None if there is nothing to write.

        `now` is ms since 1970. Call it again only when the alert is done.
        """
        assert topic.alert is not None
        if topic.is_filling:  # what was stored is no news
            return None
        found = await (self._posts if topic.alert.when == "every" else self._surge)(topic, topic.alert, counts, now)
        if found is not None:
            self._state = found
        return found

    async def _surge(self, topic: Topic, rule: AlertRule, counts: CountsOfFeeds, now: int) -> AlertState | None:
        if now < self._measure_at:
            return None
        self._measure_at = now + MEASURE_AGAIN
        minute = now // _MINUTE
        measured = measure(counts.entry(topic.kafka_topic), rule, minute, topic.created_at // _MINUTE)
        if measured is None or is_quiet(rule, now):
            return None
        assert rule.minutes is not None
        surge = self._state.surge
        if not is_surge(rule, measured):
            over = 0 < surge <= minute - rule.minutes
            return AlertState(self._epoch, self.rule, alert=self._state.alert) if over else None
        if surge:
            return None
        newest = await self._past.last(topic.kafka_topic, message.SHOWN, Filter(rule.label))
        alert = message.of_surge(topic, measured, message.fitting(newest), minute, now)
        return self._with(alert, surge=minute)

    async def _posts(self, topic: Topic, rule: AlertRule, counts: CountsOfFeeds, now: int) -> AlertState | None:
        if not self._waiting and self._is_worth(counts.labels(topic.kafka_topic), rule):
            await self._read(topic, rule, now)
        if not self._waiting:
            return None
        records = message.fitting(self._waiting)
        for _ in records:
            self._waiting.popleft()
        return self._with(message.of_posts(topic, records, now), offset=records[-1].offset + 1)

    def _with(self, alert: Alert, offset: int = -1, surge: int = 0) -> AlertState:
        return AlertState(self._epoch, self.rule, offset, surge, alert)

    def _is_worth(self, labels: dict[str, int], rule: AlertRule) -> bool:
        """Whether the feed may have new posts for the rule."""
        counted = sum(labels.values()) if rule.label is None else labels.get(rule.label, 0)
        clock = time.monotonic()
        if counted != self._counted:
            self._counted, self._look_until = counted, clock + LOOK_ON
        if clock < self._look_at and clock >= self._look_until:
            return False
        self._look_at = clock + LOOK_AGAIN
        return True

    async def _read(self, topic: Topic, rule: AlertRule, now: int) -> None:
        """Read on until there are posts for the rule, or the feed ends."""
        feed = topic.kafka_topic
        first, end = await self._past.bounds(feed)
        if self._stamps is None:
            since = await self._past.offset_of_time(feed, max(topic.alert_since, now - LATE))
            stored = 0 if topic.backfill is None else topic.backfill.end
            self._read_to = max(first, self._state.offset, end if since is None else since, stored)
            self._stamps = await self._past.stamps_before(feed, self._read_to)
        passes = Filter(rule.label).passes
        while self._read_to < end and not self._waiting:
            records, self._read_to = await self._past.fetch(feed, max(first, self._read_to), self._stamps, end)
            oldest = max(topic.alert_since, now - LATE)
            self._waiting += [
                record
                for record in records
                if passes(record) and record.timestamp >= oldest and not is_quiet(rule, record.timestamp)
            ]
