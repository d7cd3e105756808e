"""A script on confluent-kafka: 500 posts a poll, one prediction for them, an idempotent producer, flush, commit.

https://docs.confluent.io/kafka-clients/python/current/overview.html: synchronous commits give at least once.
"""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from peer_work import BOOTSTRAP, POSTS, batch


def check(error: KafkaError | None, _: Message) -> None:
    """End the program for a record that was not delivered: it starts again after the last commit."""
    if error is not None:
        raise KafkaException(error)


def consume(topics: list[str], work: Callable[[list[Message], Producer], None]) -> None:
    """Give the messages of each poll to `work`, for ever."""
    common: dict[str, Any] = {"bootstrap.servers": BOOTSTRAP}
    producer = Producer(common | {"enable.idempotence": True})
    consumer = Consumer(
        common | {"group.id": POSTS, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )  # fmt: skip
    consumer.subscribe(topics)
    while True:
        messages = consumer.consume(500, 0.1)
        for message in messages:
            if error := message.error():
                raise KafkaException(error)
        if messages:
            work(messages, producer)
            producer.flush()
            consumer.commit(asynchronous=False)


def _classify(messages: list[Message], producer: Producer) -> None:
    for topic, value in batch([message.value() for message in messages]):
        producer.produce(topic, value, on_delivery=check)


if __name__ == "__main__":
    consume([POSTS], _classify)
