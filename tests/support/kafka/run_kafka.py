"""`make kafka`: Apache Kafka in the foreground, to develop against. Its data is removed when it ends."""

import argparse
import signal
import sys
import time

from support.kafka.apache_kafka import ApacheKafka
from support.kafka.jars import ApacheKafkaError, fetch, missing

from tweetream.kafka.embedded import HOST, port_in_use


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    parser.add_argument("--port", type=int, default=9092, help="of the first; further ones follow it")
    options = parser.parse_args()
    if reason := missing():
        return _refuse(f"Apache Kafka cannot run: {reason}")
    for port in range(options.port, options.port + options.brokers):
        if not 0 < port < 65_536 or port_in_use(port):
            return _refuse(f"port {port} of {HOST} is in use or no port at all; choose another with --port")
    for number in (signal.SIGINT, signal.SIGTERM):  # whoever starts it in the background may have SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        fetch()
        with ApacheKafka(options.brokers, port=options.port, quick=False) as cluster:
            print(f"Apache Kafka: {cluster.url}", flush=True)
            while not cluster.dead():
                time.sleep(0.5)
        return _refuse(f"Apache Kafka ended by itself: brokers {cluster.dead()}")
    except ApacheKafkaError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return 0


def _refuse(line: str) -> int:
    print(line, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
