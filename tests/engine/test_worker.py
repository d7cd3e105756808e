"""What a worker says of its Kafka client: little."""

import logging

from tweetream.engine.worker import LOG_EVERY, RateLimitedLogFilter


def record(name: str, level: int, message: str, at: float, *args: object) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "", 0, message, args, None)
    made.created = at
    return made


def test_of_a_hundred_errors_of_the_kafka_client_one_is_said_and_the_next_says_how_many_were_not() -> None:
    log_filter = RateLimitedLogFilter()
    errors = [record("aiokafka.conn", logging.ERROR, f"kind {n} of %s", 100 + n / 100, n) for n in range(100)]
    assert [log_filter.filter(error) for error in errors] == [True] + [False] * 99
    later = record("aiokafka.client", logging.WARNING, "still %s", 101 + LOG_EVERY, "away")
    assert log_filter.filter(later)
    assert later.getMessage() == "still away (and 99 lines like it)"


def test_what_the_client_does_and_what_others_say_is_not_held_back() -> None:
    log_filter = RateLimitedLogFilter()
    for n in range(3):
        assert log_filter.filter(record("aiokafka.consumer", logging.INFO, f"step {n}", 100))
        assert log_filter.filter(record("tweetream.kafka.producer", logging.WARNING, "the same", 100))
