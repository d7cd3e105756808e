"""The script on confluent-kafka with the worker's two steps: posts → tagged → feeds, and the counts of each batch.

A post that matches is written to a second topic with its feeds and its cleaned text, read again, predicted with those
that came along, and written to its feeds. So an engine can add workers for either step, as with the worker here. It
stamps nothing: after a kill some posts come twice.
"""

from collections import Counter

import msgspec
from confluent_kafka import Message, Producer
from peer_confluent import check, consume
from peer_work import FEEDS, POSTS, Tagged, decode_tagged, encode, given, labelled, tag

TAGGED: str = given["tagged"]
COUNTS: str = given["counts"]


def _work(messages: list[Message], producer: Producer) -> None:
    tagged = list[Tagged]()
    for message in messages:
        if message.topic() == TAGGED:
            tagged.append(decode_tagged(message.value()))
        elif found := tag(message.value()):
            producer.produce(TAGGED, encode(found), partition=message.partition(), on_delivery=check)
    counted = Counter[tuple[str, str | None]]()
    for entry in labelled(tagged):
        producer.produce(FEEDS[entry.topic], encode(entry), on_delivery=check)
        counted[entry.topic, entry.label] += 1
    if counted:
        producer.produce(COUNTS, msgspec.json.encode(list(counted.items())), on_delivery=check)


if __name__ == "__main__":
    consume([POSTS, TAGGED], _work)
