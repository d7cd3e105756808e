"""The agents: each reads a Kafka topic, calls one function, sends, waits, acknowledges."""
