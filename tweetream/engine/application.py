"""The Faust application: its consumer and tables, and starts and stops that no broker can delay."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import faust
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.transport.drivers import aiokafka as driver
from faust.types.auth import CredentialsT
from mode.utils.objects import cached_property
from mode.utils.queues import FlowControlEvent
from typing_extensions import override

from tweetream.engine import data_dir
from tweetream.engine.consumer import Consumer
from tweetream.engine.consumer_thread import GIVE_UP, patience
from tweetream.engine.start_answers import start_answers
from tweetream.engine.web_server import Web
from tweetream.kafka.connection import Connection
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import wait_at_most
from tweetream.models.messages import fail

Step = Callable[[], Awaitable[None]]
GIVE_UP_AT_STOP = 1.5  # seconds that a stop waits for a broker, in all


def credentials(kafka: Connection) -> CredentialsT | None:
    """The credentials of Faust's own consumer and producer."""
    if kafka.password is not None:
        return faust.SASLCredentials(
            username=kafka.username,
            password=kafka.plain_password(),
            mechanism=kafka.mechanism,
            ssl_context=kafka.context,
        )
    return None if kafka.context is None else faust.SSLCredentials(kafka.context)


class FlowControl(FlowControlEvent):
    """Flow control whose `resume` empties the queues only when flow was suspended.

    Recovery resumes several times in a row; each would throw away what was delivered in between.
    """

    @override
    def resume(self) -> None:
        if not self.is_active():
            super().resume()

    async def wait_suspended(self) -> None:
        """Wait until flow is suspended, as it is in a rebalance and at the stop."""
        await self._suspend.wait()


class Recovery(FaustRecovery):
    """Faust's recovery, which waits for Kafka for as long as it takes; a rebalance or a stop ends it.

    With its time limit Faust goes on without the answer: partitions have no position, tables no end.
    """

    @override
    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        await super()._wait(coro)


class Tables(TableManager):
    """Faust's table manager without its second of sleep at the start: our tables are declared when modules load."""

    @property
    @override
    def recovery(self) -> FaustRecovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    @override
    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class Assignor(PartitionAssignor):
    """Faust's assignor, which also assigns while the changelog of a global table is gone.

    Faust's own raises an error there, and the group's leader would never answer its group again.
    """

    @override
    def _global_table_standby_assignments(self, assignments: Any, partitions_by_topic: Any) -> Any:
        tables = self._table_manager.data.values()
        missing = {table.changelog_topic.get_topic_name(): 0 for table in tables}
        return super()._global_table_standby_assignments(assignments, missing | dict(partitions_by_topic))


class Producer(driver.Producer):
    """Faust's producer, which finds a cluster that moved, and whose stop never waits for a broker that is away."""

    @override
    def _new_producer(self, transactional_id: str | None = None) -> Any:
        return rebootstrapping(super()._new_producer(transactional_id))

    @override
    async def create_topic(self, *_: Any, **__: Any) -> None:
        """Nothing: all topics are there when Faust asks for them. A broker that is just back would end the worker."""

    @override
    async def on_stop(self) -> None:
        await wait_at_most(patience(self.app), super().on_stop())


class Transport(driver.Transport):
    """Faust's transport with our consumer and producer."""

    Consumer = Consumer
    Producer = Producer


class App(faust.App):
    """A Faust application with the consumer above, whose rebalances and stops never wait for a broker that is away.

    Modules register their steps. `preflight` runs before anything else. Then, in this order: `before`; `starting`, when
    all of those are done; Faust's own services; `closing`, when a stop begins; `after`, when Faust's services have
    stopped (the last registered first).
    """

    stop_reason = ""  # why this worker stops by itself, if it does

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stop_by: float | None = None
        self._preflight: list[Callable[[], None]] = []
        self._before: list[Step] = []
        self._starting: list[Step] = []
        self._closing: list[Step] = []
        self._after: list[Step] = []
        super().__init__(*args, **kwargs)

    def preflight(self, check: Callable[[], None]) -> Callable[[], None]:
        self._preflight.append(check)
        return check

    def before(self, step: Step) -> Step:
        self._before.append(step)
        return step

    def starting(self, step: Step) -> Step:
        self._starting.append(step)
        return step

    def closing(self, step: Step) -> Step:
        self._closing.append(step)
        return step

    def after(self, step: Step) -> Step:
        self._after.append(step)
        return step

    def run_preflight(self) -> None:
        """Run the checks; a failed one ends the program with one line."""
        for check in self._preflight:
            check()

    def abort(self, reason: str) -> None:
        """Stop this worker with `reason` as one line on standard error, and status 2. The first reason counts."""
        if not self.stop_reason:
            self.stop_reason = reason
            os.kill(os.getpid(), signal.SIGTERM)

    def is_flowing(self) -> bool:
        """Whether events are delivered: not in a rebalance, nor at the stop."""
        return bool(self.flow_control.is_active())

    @cached_property
    @override
    def flow_control(self) -> FlowControl:
        return FlowControl(loop=self.loop)

    @override
    def _create_directories(self) -> None:
        try:
            self._claim = data_dir.claim(self.conf.datadir, self.conf.id)  # held until the process ends
            for folder in (self.conf.appdir, self.conf.tabledir):
                data_dir.make_folder(folder)
        except data_dir.DataDirError as error:
            fail(str(error), sys.__stderr__)  # Faust has replaced sys.stderr by its log

    @override
    async def on_start(self) -> None:
        async with self._start_answers():
            for step in (*self._before, *self._starting):
                await step()
                if self.stop_reason:
                    await asyncio.Event().wait()  # SIGTERM is on its way
        await super().on_start()

    def _start_answers(self) -> AbstractAsyncContextManager[None]:
        if not self.conf.web_enabled:
            return nullcontext()
        return start_answers(self.conf.web_bind, self.conf.web_port)

    def patience(self) -> float:
        """Seconds to wait for a broker: GIVE_UP in each rebalance, GIVE_UP_AT_STOP for all of a stop."""
        return GIVE_UP if self._stop_by is None else max(0.1, self._stop_by - time.monotonic())

    @override
    async def on_stop(self) -> None:
        for step in self._closing:
            await wait_at_most(GIVE_UP, step())
        self._stop_by = time.monotonic() + GIVE_UP_AT_STOP
        await super().on_stop()

    @override
    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        for step in reversed(self._after):
            await wait_at_most(self.patience(), step())

    @override
    def _new_web(self) -> Web:
        return Web(self)

    @override
    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    @override
    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)

    @override
    async def _producer_flush(self, logger: Any) -> None:
        await wait_at_most(self.patience(), super()._producer_flush(logger))
