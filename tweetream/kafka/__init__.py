"""Kafka clients without Faust: connections, admin calls, the ordered producer, compacted topics, readers, fencing.

Of what our Kafka topics hold, this room knows only the posts topic, whose epochs `fencing` reads.
"""
