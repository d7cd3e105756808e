"""While a group's coordinator cannot answer, committed offsets are asked for again, and not taken for missing."""

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupLoadInProgressError, KafkaError, NotCoordinatorForGroupError
from aiokafka.protocol.commit import OffsetFetchRequest, OffsetFetchResponse_v1, OffsetFetchResponse_v3
from aiokafka.protocol.metadata import MetadataRequest, MetadataResponse_v5
from support.kafka.apache_kafka import ApacheKafka

from tweetream.kafka.group_errors import heed_group_errors
from tweetream.kafka.rebootstrap import rebootstrapping

TP = TopicPartition("t", 0)


async def answer_to(request: Any, answer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the client's caller gets when a broker gives this answer."""

    async def send(node: int, request: Any, **_: Any) -> Any:
        return answer

    client = AIOKafkaClient()
    monkeypatch.setattr(client, "send", send)
    heed_group_errors(client)
    return await client.send(0, request)


@pytest.mark.parametrize("error", [GroupLoadInProgressError, NotCoordinatorForGroupError])
async def test_an_error_of_the_group_is_raised_and_may_be_tried_again(
    error: type[KafkaError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(error) as raised:
        await answer_to(OffsetFetchRequest("g", []), OffsetFetchResponse_v3(0, [], error.errno), monkeypatch)
    assert raised.value.retriable


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (OffsetFetchRequest("g", []), OffsetFetchResponse_v3(0, [("t", [(0, 5, "", 0)])], 0)),
        (OffsetFetchRequest("g", []), OffsetFetchResponse_v1([("t", [(0, -1, "", 14)])])),
        (MetadataRequest([]), MetadataResponse_v5(0, [], "c", 0, [])),
    ],
)
async def test_other_answers_are_given_on(request_: Any, answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await answer_to(request_, answer, monkeypatch) is answer


@pytest.mark.soak
@pytest.mark.kafka
async def test_a_broker_that_the_group_has_left_is_not_believed() -> None:
    with ApacheKafka(3) as kafka:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(TP.topic, 1, 1)])
        await admin.close()
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id="g", enable_auto_commit=False)
        await rebootstrapping(consumer).start()
        try:
            consumer.assign([TP])
            await consumer.commit({TP: 5})
            for broker in range(3):
                consumer._coordinator.coordinator_id = broker
                assert await consumer.committed(TP) == 5
        finally:
            await consumer.stop()
