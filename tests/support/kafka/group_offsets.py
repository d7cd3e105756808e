"""Faults of a group's committed offsets: they are deleted, or moved. Limits: no worker of the group may run."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NonEmptyGroup, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest


async def delete_offsets(bootstrap: str, group: str) -> None:
    """As when they expired, or `__consumer_offsets` was lost. A killed worker leaves the group by its session."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(30):
            while code := await _delete(admin, group):
                if code != NonEmptyGroup.errno:
                    raise for_code(code)
                await asyncio.sleep(0.2)
    finally:
        await admin.close()


async def _delete(admin: AIOKafkaAdminClient, group: str) -> int:
    answer = await admin._send_request_to_node(await admin.find_coordinator(group), DeleteGroupsRequest([group]))
    return int(answer.results[0][1])


async def commit(bootstrap: str, group: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Commit these offsets, whatever the log has."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit(dict(offsets))
    finally:
        await consumer.stop()
