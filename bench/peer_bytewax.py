"""A Bytewax dataflow with its Kafka connectors and recovery, which give at least once.

https://docs.bytewax.io/stable/guide/: kafka.operators, flat_map_batch, recovery. One worker, as the others.
"""

from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main
from peer_work import BOOTSTRAP, FEEDS, POSTS, batch, given


def work(messages: list[Any]) -> list[Any]:
    """The entries of a batch."""
    return [KafkaSinkMessage(None, value, topic) for topic, value in batch([message.value for message in messages])]


def main() -> None:
    """Run for ever."""
    flow = Dataflow("peer")
    posts = kop.input("posts", flow, brokers=[BOOTSTRAP], topics=[POSTS], batch_size=500)
    entries = op.flat_map_batch("work", posts.oks, work)
    safe = {"enable.idempotence": "true"}
    kop.output("feeds", entries, brokers=[BOOTSTRAP], topic=next(iter(FEEDS.values())), add_config=safe)
    folder = Path(given["folder"]) / "recovery"
    folder.mkdir(parents=True)
    init_db_dir(folder, 1)
    cli_main(flow, recovery_config=RecoveryConfig(str(folder)))


if __name__ == "__main__":
    main()
