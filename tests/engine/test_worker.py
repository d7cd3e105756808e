"""A worker logs few of its Kafka client's lines, and nothing that a terminal would run."""

import io
import logging
import re

import pytest
from aiokafka.errors import KafkaConnectionError

from tweetream.engine.worker import LOG_EVERY, OutsideErrors, RateLimitedLogFilter, Worker


def record(name: str, level: int, message: str, at: float, *args: object) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "", 0, message, args, None)
    made.created = at
    return made


def test_of_a_hundred_errors_of_the_kafka_client_one_is_logged_and_the_next_has_the_number_of_the_others() -> None:
    log_filter = RateLimitedLogFilter()
    errors = [record("aiokafka.conn", logging.ERROR, f"kind {n} of %s", 100 + n / 100, n) for n in range(100)]
    assert [log_filter.filter(error) for error in errors] == [True] + [False] * 99
    later = record("aiokafka.client", logging.WARNING, "still %s", 101 + LOG_EVERY, "away")
    assert log_filter.filter(later)
    assert later.getMessage() == "still away (and 99 lines like it)"


def test_information_of_the_client_and_lines_of_other_loggers_are_all_logged() -> None:
    log_filter = RateLimitedLogFilter()
    for n in range(3):
        assert log_filter.filter(record("aiokafka.consumer", logging.INFO, f"step {n}", 100))
        assert log_filter.filter(record("tweetream.kafka.producer", logging.WARNING, "the same", 100))


def test_no_line_of_the_log_has_a_code_of_terminals_a_forged_line_or_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_X_BEARER_TOKEN", "AAAA%2Btoken%3D")
    monkeypatch.setenv("TWEETREAM_MASTODON_TOKEN", "a.b=first-secret=,c.d=second-secret")
    output = io.StringIO()
    logger = logging.Logger("root")
    logger.addHandler(logging.StreamHandler(output))
    worker = Worker.__new__(Worker)
    worker.spinner = None
    worker.on_setup_root_logger(logger, logging.INFO)
    logger.warning("a library says %s", "\x1b[2J\nERROR forged")
    logger.warning("a package says %s and %s", "AAAA%2Btoken%3D", "first-secret=")
    try:
        raise ValueError("second-secret")
    except ValueError:
        logger.exception("it failed")
    assert not re.search("(first|second)-secret|AAAA", output.getvalue())
    assert "a package says *** and ***\n" in output.getvalue()
    assert output.getvalue().startswith("a library says \\x1b[2J\n  ERROR forged\n")


def test_what_the_outside_does_has_no_traceback_and_a_bug_of_ours_has_one() -> None:
    output = io.StringIO()
    logger = logging.Logger("root")
    logger.addHandler(logging.StreamHandler(output))
    logger.handlers[0].addFilter(OutsideErrors())
    for error in (
        KafkaConnectionError("away"),
        ConnectionResetError(104, "reset"),
        OSError(24, "files"),
        TimeoutError(),
    ):
        try:
            raise error
        except (KafkaConnectionError, OSError):
            logger.exception("a commit failed for %s", "posts")
    assert "Traceback" not in output.getvalue() and len(output.getvalue().splitlines()) == 4
    assert "a commit failed for posts: KafkaConnectionError('away')\n" in output.getvalue()
    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        logger.exception("it failed")
    assert "Traceback" in output.getvalue()
