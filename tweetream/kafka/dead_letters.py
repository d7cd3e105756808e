"""Dead letters: records that cannot be read or delivered, kept in a Kafka topic of their own with the reason.

The header `topic` says where a record comes from, `reason` why it is here. Knows no Faust.
"""

import logging

from tweetream.kafka.producer import OrderedProducer, RecordRejected
from tweetream.kafka.send_queue import Headers
from tweetream.models.printable import printable

log = logging.getLogger(__name__)
MAX_BYTES = 64 * 1024  # of a dead letter; the rest is cut
MAX_REASON = 1000  # characters
_BESIDE = 2048  # bytes of a record besides its value: the reason and the topic's name


async def send(producer: OrderedProducer, dead: str, topic: str, value: bytes | None, reason: str) -> None:
    """Send a record of `topic` to the Kafka topic `dead`. Raises Abandoned."""
    reason = printable(reason, MAX_REASON)
    log.warning("dead letter from %s: %s", topic, reason)
    headers: Headers = [("topic", topic.encode()), ("reason", reason.encode())]
    most = min(MAX_BYTES, max(0, producer.max_record - _BESIDE))
    try:
        await producer.send(dead, 0, (value or b"")[:most], headers=headers)
    except RecordRejected as error:
        log.error("Kafka rejected a dead letter: %s", error)
