"""The lag of a consumer group as Kafka knows it, whichever worker has the partitions. Knows no Faust."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tweetream.kafka.admin import committed
from tweetream.kafka.connection import Connection
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import Unavailable, wait_at_most

TIMEOUT = 5.0
CLOSE_TIMEOUT = 1.0


class GroupLag:
    """Asks for it with a consumer that does not join the group. `topics` has the number of partitions of each."""

    def __init__(self, kafka: Connection, group: str, topics: Mapping[str, int]) -> None:
        self._kafka, self._group = kafka, group
        self._tps = {topic: [TopicPartition(topic, n) for n in range(count)] for topic, count in topics.items()}
        self._consumer: AIOKafkaConsumer | None = None

    async def read(self) -> dict[str, int]:
        """The records of each topic that the group has not committed. Raises Unavailable."""
        try:
            async with asyncio.timeout(TIMEOUT):
                if self._consumer is None:
                    self._consumer = AIOKafkaConsumer(
                        **self._kafka.arguments(), group_id=self._group, enable_auto_commit=False
                    )
                    await rebootstrapping(self._consumer).start()
                return {topic: await self._of(self._consumer, tps) for topic, tps in self._tps.items()}
        except (KafkaError, TimeoutError, OSError, MemoryError) as error:
            await self.close()
            raise Unavailable(repr(error)) from error

    async def _of(self, consumer: AIOKafkaConsumer, tps: list[TopicPartition]) -> int:
        begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        found = await committed(consumer, tps)
        return sum(max(0, ends[tp] - max(begins[tp], found.get(tp, -1))) for tp in tps)

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await wait_at_most(CLOSE_TIMEOUT, consumer.stop())
