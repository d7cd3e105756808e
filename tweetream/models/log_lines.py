"""The lines of the log: text for people, or JSON for programs; one line an event.

Only an error of ours has a traceback: in text it follows the line, indented; in JSON it is a field of it.
"""

import json
import logging
from datetime import UTC, datetime

from typing_extensions import override

TEXT = "[%(asctime)s] [%(process)s] [%(levelname)s]: %(message)s"


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "process", "message"}`, and `traceback` where there is one. ASCII."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _rfc3339(record.created),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            entry["traceback"] = record.exc_text
        return json.dumps(entry)


def formatter(log_format: str) -> logging.Formatter:
    """The formatter of `text` or `json`."""
    return JsonLines() if log_format == "json" else logging.Formatter(TEXT)


def json_line(message: str) -> str:
    """An error of the program's own, outside any log, as a line of JSON."""
    return JsonLines().format(logging.LogRecord("tweetream", logging.ERROR, "", 0, message, (), None))


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
