#!/bin/sh
exec /opt/kafka/bin/run org.apache.kafka.tools.consumer.ConsoleConsumer "$@"
