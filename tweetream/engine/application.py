"""The Faust app that Tweetream is: its consumer, its tables, and starts and ends that no broker can hold up."""

import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.transport.drivers import aiokafka as driver
from faust.types.auth import CredentialsT
from mode.utils.objects import cached_property
from mode.utils.queues import FlowControlEvent

from tweetream.engine import snapshot
from tweetream.engine.consumer import GIVE_UP, Consumer, patience, within
from tweetream.kafka.connection import Connection

Step = Callable[[], Awaitable[None]]
GIVE_UP_AT_STOP = 1.5  # seconds that a stop waits for a broker, in all


def credentials(kafka: Connection) -> CredentialsT | None:
    """What Faust's own consumer and producer are let in with."""
    if kafka.password is not None:
        return faust.SASLCredentials(
            username=kafka.username,
            password=kafka.plain_password(),
            mechanism=kafka.mechanism,
            ssl_context=kafka.context,
        )
    return None if kafka.context is None else faust.SSLCredentials(kafka.context)


class ResumeOnce(FlowControlEvent):
    """Flow control whose `resume` empties the queues only when flow was suspended.

    Recovery resumes several times in a row; each would throw away what was delivered in between.
    """

    def resume(self) -> None:
        if not self.is_active():
            super().resume()


class Recovery(FaustRecovery):
    """Faust's recovery, which waits for Kafka for as long as it takes; a rebalance or a stop ends it.

    With a time limit Faust goes on without what it waited for: partitions without a place, tables without an end.
    """

    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        await super()._wait(coro)


class Tables(TableManager):
    """Faust's table manager without its second of sleep at the start: our tables are made when modules load."""

    @property
    def recovery(self) -> FaustRecovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class Producer(driver.Producer):
    async def on_stop(self) -> None:
        await within(patience(self.app), super().on_stop())


class Transport(driver.Transport):
    Consumer = Consumer
    Producer = Producer


class App(faust.App):
    """A Faust app with the consumer above, whose rebalances and stops never wait for a broker that is away.

    `before`, `closing` and `after` register what is done before its services start, when a stop begins, and when
    they have stopped. A step that needs the steps of all modules registers with `before(step, last=True)`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stop_by: float | None = None
        self._before: list[Step] = []
        self._before_last: list[Step] = []
        self._closing: list[Step] = []
        self._after: list[Step] = []
        super().__init__(*args, **kwargs)

    def before(self, step: Step, *, last: bool = False) -> Step:
        (self._before_last if last else self._before).append(step)
        return step

    def closing(self, step: Step) -> Step:
        self._closing.append(step)
        return step

    def after(self, step: Step) -> Step:
        self._after.append(step)
        return step

    @cached_property
    def flow_control(self) -> FlowControlEvent:
        return ResumeOnce(loop=self.loop)

    def _create_directories(self) -> None:
        try:
            self._claim = snapshot.claim(self.conf.datadir, self.conf.id)  # held for as long as the process lives
            for folder in (self.conf.appdir, self.conf.tabledir):
                snapshot.make_folder(folder)
        except snapshot.Unusable as error:
            print(f"tweetream: {error}", file=sys.__stderr__)  # Faust has the other one in its log
            raise SystemExit(2) from None

    async def on_start(self) -> None:
        for step in self._before + self._before_last:
            await step()
        await super().on_start()

    def patience(self) -> float:
        """Seconds to wait for a broker: a rebalance has GIVE_UP each time, a stop has GIVE_UP_AT_STOP once for all."""
        return GIVE_UP if self._stop_by is None else max(0.1, self._stop_by - time.monotonic())

    async def on_stop(self) -> None:
        for step in self._closing:
            await within(GIVE_UP, step())
        self._stop_by = time.monotonic() + GIVE_UP_AT_STOP
        await super().on_stop()

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        for step in reversed(self._after):
            await within(self.patience(), step())

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)

    async def _producer_flush(self, logger: Any) -> None:
        await within(self.patience(), super()._producer_flush(logger))
