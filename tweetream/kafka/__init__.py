"""Kafka clients without Faust: connections, admin calls, the ordered producer, compacted topics, readers, fencing."""
