"""The log in JSON: an object a line, whatever is logged."""

import io
import json
import logging
from datetime import datetime

import pytest

from tweetream.models.log_lines import formatter, json_line
from tweetream.models.messages import say
from tweetream.models.printable import PrintableLog


def logger_to(output: io.StringIO, log_format: str) -> logging.Logger:
    logger = logging.Logger("tweetream.any")
    handler = logging.StreamHandler(output)
    handler.setFormatter(formatter(log_format))
    handler.addFilter(PrintableLog(["a-secret"]))
    logger.addHandler(handler)
    return logger


def test_each_event_is_one_object_on_one_line_also_with_a_traceback() -> None:
    output = io.StringIO()
    logger = logger_to(output, "json")
    logger.info('macet "di" %s\nERROR forged\u2028', "a-secret")
    try:
        raise ValueError("a bug")
    except ValueError:
        logger.exception("it failed")
    first, second = map(json.loads, output.getvalue().splitlines())
    assert list(first) == ["time", "level", "logger", "process", "message"]
    assert (first["level"], first["logger"]) == ("INFO", "tweetream.any")
    assert first["message"] == 'macet "di" ***\n  ERROR forged\\u2028'
    assert datetime.fromisoformat(first["time"]).tzinfo is not None and first["time"].endswith("Z")
    assert second["message"] == "it failed" and "ValueError: a bug" in second["traceback"]
    assert output.getvalue().isascii()


def test_text_is_for_people_and_has_no_table_of_fausts() -> None:
    output = io.StringIO()
    logger_to(output, "text").warning("assigned %s", {("posts", 0): 5, ("posts", 1): 7})
    (line,) = output.getvalue().splitlines()
    assert "[WARNING]: assigned {('posts', 0): 5" in line


def test_what_a_program_says_by_itself_has_the_same_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say("Kafka is away")
    monkeypatch.setenv("TWEETREAM_LOG_FORMAT", "json")
    say("Kafka is away")
    text, line = capsys.readouterr().err.splitlines()
    assert text == "tweetream: Kafka is away"
    assert json.loads(line)["message"] == "Kafka is away" and json.loads(line)["level"] == "ERROR"
    assert json.loads(json_line("x"))["message"] == "x"
