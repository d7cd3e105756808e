"""Posts of a topic from a worker, as they arrive: an iterator that goes on where it was when a connection ends."""

import datetime
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from tweetream.models.feed import FeedEntry
from tweetream.models.no_redirect import open_url

if TYPE_CHECKING:
    import pandas

SILENCE = 45.0  # seconds: a stream says something every 15
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before connecting again
MAX_LINE = 4 * 1024 * 1024
URL = "http://127.0.0.1:6066"
_entry = msgspec.json.Decoder(FeedEntry)


def posts(
    topic: str,
    *,
    url: str = URL,
    since: datetime.datetime | str | None = None,
    last: int = 0,
    label: str | None = None,
    min_score: float = 0.0,
    token: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[FeedEntry]:
    """The posts of a topic, each once: those since a time or the `last` ones, and then each as it arrives, for ever.

    It connects again by itself, and ends when the topic is deleted. A naive time is in UTC. Raises ValueError with
    what the worker said if it refuses.
    """
    if isinstance(since, datetime.datetime):
        since = (since if since.tzinfo else since.replace(tzinfo=datetime.UTC)).isoformat()
    query = {"since": since, "last": last or None, "label": label, "min_score": min_score or None}
    asked = urlencode({name: value for name, value in query.items() if value is not None})
    stream = _Stream(f"{url.rstrip('/')}/feeds/{topic}{'?' if asked else ''}{asked}", token)
    wait = FIRST_WAIT
    while not stream.ended:
        try:
            for post in stream.read():
                wait = FIRST_WAIT
                yield post
        except _Later as later:
            wait = max(wait, later.seconds)
        except (OSError, HTTPException):
            pass  # the connection ended, or there is none
        if not stream.ended:
            sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)


class _Later(Exception):
    """The worker asks to come again after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"after {seconds} s")
        self.seconds = seconds


class _Stream:
    """One stream, over as many connections as it takes."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._position = ""
        self.ended = False

    def read(self) -> Iterator[FeedEntry]:
        """The posts until the connection ends. Raises ValueError, _Later, OSError or HTTPException."""
        headers = {"Accept": "text/event-stream"} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        if self._position:
            headers["Last-Event-ID"] = self._position
        try:
            answer = open_url(urllib.request.Request(self._url, headers=headers), timeout=SILENCE)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (429, 502, 503, 504):
                    raise _Later(_seconds(error.headers.get("Retry-After"))) from None
                raise ValueError(f"the worker answered {error.code}: {_detail(error)}") from None
        with answer:
            if answer.status == 204:
                self.ended = True
                return
            yield from self._events(answer)

    def _events(self, lines: Any) -> Iterator[FeedEntry]:
        id, kind, data = self._position, "", b""
        while line := lines.readline(MAX_LINE):
            line = line.rstrip(b"\n")
            if line:
                name, _, value = line.partition(b": ")
                if name == b"id":
                    id = value.decode()
                elif name == b"event":
                    kind = value.decode()
                elif name == b"data":
                    data = value
                continue
            if kind == "deleted":
                self.ended = True
                return
            if data and not kind:
                yield _entry.decode(data)
            self._position, kind, data = id, "", b""


def _seconds(text: str | None) -> float:
    return min(float(text), LONGEST_WAIT) if text and text.isdecimal() else FIRST_WAIT


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(MAX_LINE))["detail"])
    except (OSError, ValueError, KeyError, TypeError, HTTPException):
        return str(error.reason)


def to_dataframe(found: Iterable[FeedEntry]) -> "pandas.DataFrame":
    """Posts as a table with their fields as columns, and their times as times. Needs pandas."""
    try:
        import pandas
    except ImportError:
        raise ImportError("to_dataframe needs pandas: pip install pandas") from None
    columns = FeedEntry.__struct_fields__
    table = pandas.DataFrame([[getattr(post, name) for name in columns] for post in found], columns=list(columns))
    for name in ("created_at", "received_at"):
        table[name] = pandas.to_datetime(table[name], utc=True, format="ISO8601")
    return table
