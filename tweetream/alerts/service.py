"""The service that gives the alerts, on the one worker that runs the sources.

Twice a second it checks whether this worker is the owner of the commands partition, as ingest does. A run begins an
epoch of the alerts topic, and then looks once a second at each topic that has a rule. An alert is written to Kafka,
sent, and written as done. A worker that takes over sends again what was written and not done, under the same id.
"""

import asyncio
import logging
import time
from functools import cache

from aiokafka.errors import KafkaError
from mode import Service
from typing_extensions import override

from tweetream import metrics
from tweetream.alerts.log import AlertLog, Replaced
from tweetream.alerts.watch import LATE, Watch, rule_of
from tweetream.alerts.webhook import TIMEOUT, Outcome, Webhook
from tweetream.app import app, kafka, settings
from tweetream.feeds.past import PastReader
from tweetream.feeds.retractions import Retractions
from tweetream.kafka.compacted import CompactedRecord
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.retry import Reminder
from tweetream.models import codec
from tweetream.models.topic import Topic
from tweetream.topology import ALERTS, counts_table, now_ms, owns_commands, recovered, services, topics_table

log = logging.getLogger(__name__)
_unreadable = Reminder(log)
TICK = 1.0  # seconds
PAUSE = 2.0  # seconds between two runs that fail
GRACE = 1.0  # seconds that a request has when the run ends
AT_ONCE = 8  # feeds
IN_A_TICK = 20  # alerts of one feed, so that the others have their turn
_EXPECTED = (Replaced, KafkaError, Abandoned, RecordRejected, OSError, MemoryError, TimeoutError)


@cache
def alert_log() -> AlertLog:
    """This worker's own."""
    return AlertLog(ALERTS, lambda key, value: services.producer.send(ALERTS, 0, value, key=key))


def _take(records: list[CompactedRecord]) -> None:
    try:
        alert_log().take(records)
    except codec.TooNew as error:
        app.abort(str(error))


@app.before
async def _follow() -> None:
    services.compacted.follow(ALERTS, _take)


class Run:
    """The alerts from a takeover to the loss of the partition."""

    def __init__(self) -> None:
        self._log = alert_log()
        self._webhook = Webhook(settings.alert_url.get_secret_value(), settings.alert_secret.get_secret_value())
        self._past = PastReader(kafka, {}, Retractions(), settings.dedup_window)
        self._watches: dict[str, Watch] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(AT_ONCE)
        self._epoch = 0

    async def main(self) -> None:
        """Run until cancelled. Raises what ends the run, such as Replaced."""
        try:
            self._epoch = await self._log.begin(now_ms())
            # The worker before us may still be sending these. It says so if they are delivered.
            inherited = {feed for feed in self._log.states if not self._log.is_done(feed)}
            hold_until = time.monotonic() + TIMEOUT + 1
            while True:
                if time.monotonic() >= hold_until:
                    inherited.clear()
                await self._step({feed for feed in inherited if not self._log.is_done(feed)})
                await asyncio.sleep(TICK)
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._sending:
            await asyncio.wait(self._sending, timeout=GRACE)
        for task in self._sending:
            task.cancel()
        await self._webhook.stop()
        await self._past.stop()

    async def _step(self, held: set[str]) -> None:
        topics = {topic.kafka_topic: topic for topic in topics_table.alive() if topic.alert is not None}
        for feed in self._log.states.keys() - topics.keys():
            await self._log.forget(feed)
            self._watches.pop(feed, None)
        await self._log.restore()
        async with asyncio.TaskGroup() as tasks:
            for feed in topics.keys() - held:
                tasks.create_task(self._look_after(topics[feed]))

    async def _look_after(self, topic: Topic) -> None:
        """Give the alerts of a topic, one after the other, until there is no more or one is not delivered."""
        async with self._free:
            for _ in range(IN_A_TICK):
                await self._look(topic)
                if self._log.is_done(topic.kafka_topic) or not self._webhook.ready:
                    return
                task = asyncio.create_task(self._deliver(topic.kafka_topic))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
                task.add_done_callback(lambda done: done.cancelled() or done.exception())  # the run may have ended
                await asyncio.shield(task)  # the end of a run leaves it a moment

    async def _look(self, topic: Topic) -> None:
        """Look for the next alert of a topic, if the last one is done."""
        feed = topic.kafka_topic
        if not self._log.is_done(feed):
            return
        watch = self._watches.get(feed)
        if watch is None or watch.rule != rule_of(topic):
            watch = Watch(self._past, self._epoch, topic, self._log.states.get(feed))
            self._watches[feed] = watch
        try:
            state = await watch.look(topic, counts_table, now_ms())
        except KafkaError as error:  # it may have been deleted just now; the others go on
            _unreadable.warn("the posts of %s cannot be read for alerts now: %r", topic.name, error)
            return
        if state is not None:
            await self._log.put(feed, state)

    async def _deliver(self, feed: str) -> None:
        alert = self._log.states[feed].alert
        assert alert is not None
        late = now_ms() - alert.made_at > LATE
        outcome = Outcome.LATE if late else await self._webhook.send(alert)
        if outcome is not None:
            if outcome is Outcome.LATE:
                log.error("the alert %s was not delivered in an hour, and is given up", alert.id)
            metrics.alerts.labels(outcome.value).inc()
            await self._log.finish(feed, alert.id)


@app.service
class AlertService(Service):
    """Starts a run when this worker becomes the owner of the commands partition, and ends it when it no longer is."""

    _run: asyncio.Task[None] | None = None
    _next_at = 0.0

    @Service.task
    async def _watch(self) -> None:
        if not settings.alert_url.get_secret_value():
            return
        if not settings.alert_secret.get_secret_value():
            log.warning("alerts are not signed: set TWEETREAM_ALERT_SECRET, so that their receiver can check them")
        while not self.should_stop:
            await asyncio.sleep(0.5)
            if app.rebalancing or not (owns_commands() and recovered()):
                await self._end()
            elif self._run is None and time.monotonic() >= self._next_at:
                self._run = asyncio.create_task(self._guarded())

    async def _guarded(self) -> None:
        """One run. What ends it is one line, and another run begins after a pause."""
        try:
            await Run().main()
        except Exception as error:  # Kafka fails, another worker has taken over, or a bug: alerts must not end for ever
            reason = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            log.warning("alerts pause for %g s: %r", PAUSE, reason, exc_info=not isinstance(reason, _EXPECTED))
            self._next_at, self._run = time.monotonic() + PAUSE, None

    async def _end(self) -> None:
        if self._run is not None:
            run, self._run = self._run, None
            run.cancel()
            await asyncio.wait({run}, timeout=GRACE + 1)

    @override
    async def on_stop(self) -> None:
        await self._end()
