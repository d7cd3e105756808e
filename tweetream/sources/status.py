"""The status of each source, as every worker knows it from the reports of the worker that runs the sources.

A report carries the epoch of its run, so reports of a worker that was frozen and replaced are ignored. When the
reports of a source stop, its worker is gone.
"""

import logging
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import msgspec

from tweetream.models import codec
from tweetream.models.drop import Drop
from tweetream.models.epoch import check_epoch
from tweetream.models.post import Natural, Total
from tweetream.models.printable import printable

log = logging.getLogger(__name__)
REPORT_INTERVAL = 5.0  # seconds between two reports of a source whose status does not change
MAX_REASON = 500  # characters
SILENCE = 20.0  # seconds without a report after which the worker is gone
MAX_URL = 2_000  # characters
MAX_SOURCES = 1_000  # whose reports are kept
MAX_POSITION = 16 * 1024  # characters of a position in a report
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # also those that change the direction


class State(StrEnum):
    """The state of a source."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    BACKING_OFF = "backing-off"
    REFUSED = "refused"  # for good: it is not tried again
    ENDED = "ended"


class Status(msgspec.Struct):
    """State and counts of a source. Times are ms since 1970. `posts` counts all posts that it gave,
    `time_unknown` those of them whose own time is not known.
    """

    url: str
    state: State = State.CONNECTING
    reason: str = ""
    posts: Total = 0
    posts_per_minute: Total = 0  # the posts of the last minute
    last_post_at: int | None = None
    reconnects: Total = 0
    retry_at: int | None = None
    time_unknown: Total = 0
    counts: dict[str, Total] = msgspec.field(default_factory=dict)  # of what was dropped or noted, by its reason

    def told(self) -> str:
        """The counts in one line; "" if there is nothing to tell, as of a file whose lines are all posts or blank."""
        if self.posts and not self.counts.keys() - {Drop.BLANK}:
            return ""
        counts = dict(self.counts, time_unknown=self.time_unknown)
        said = [f"{number:,} {reason}" for reason, number in sorted(counts.items()) if number]
        return ", ".join([f"{self.posts:,} posts", *said])


class Settled(msgspec.Struct, array_like=True, frozen=True):
    """A position of a source up to which all posts are tagged: that of the batch with this epoch and sequence."""

    epoch: Natural
    sequence: Natural
    position: Annotated[str, msgspec.Meta(max_length=MAX_POSITION)]


class StatusReport(msgspec.Struct, array_like=True):
    """A record of the sources topic: the status of a source in the run of an epoch, and its settled position."""

    epoch: Natural
    status: Status
    settled: Settled | None = None


class SourceStatuses:
    """The last report of each source, by its URL as it is shown."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[int, StatusReport]] = {}

    def update(self, data: bytes | None, timestamp: int) -> bool:
        """Apply a record of the sources topic; `timestamp` is in ms. Returns whether it is one. Raises codec.TooNew."""
        try:
            report = _read(data, timestamp)
        except codec.Undecodable as error:
            log.warning("a report of a source cannot be read: %s", error)
            return False
        before = self._reports.pop(report.status.url, None)
        self._reports[report.status.url] = (
            (timestamp, report) if before is None or report.epoch >= before[1].epoch else before
        )
        if len(self._reports) > MAX_SOURCES:
            del self._reports[next(iter(self._reports))]
        return True

    def last(self, url: str) -> Status | None:
        """The last reported status of a source, in any run."""
        found = self._reports.get(url)
        return None if found is None else found[1].status

    def settled(self, url: str) -> Settled | None:
        """The last settled position of a source, in any run."""
        found = self._reports.get(url)
        return None if found is None else found[1].settled

    def current(self, urls: Sequence[str], now: int) -> list[Status]:
        """The statuses at `now` (ms): first the sources of the settings, `urls`, then other sources of the last run."""
        epoch = max((report.epoch for _, report in self._reports.values()), default=0)
        fresh = {url: found for url, found in self._reports.items() if found[1].epoch == epoch}
        statuses = []
        for url in [*urls, *sorted(fresh.keys() - set(urls))]:
            if url not in fresh:
                statuses.append(Status(url, reason="no worker has begun to read it yet"))
                continue
            at, report = fresh[url]
            status = report.status
            if now - at > SILENCE * 1000 and status.state not in (State.ENDED, State.REFUSED):
                reason = "the worker that reads it has stopped reporting; another worker takes over"
                status = msgspec.structs.replace(
                    status, state=State.CONNECTING, reason=reason, posts_per_minute=0, retry_at=None
                )
            statuses.append(status)
        return statuses


def _read(data: bytes | None, timestamp: int) -> StatusReport:
    """The report in a record. It is shown to people, so its texts are short and have no control characters."""
    report = codec.decode(data, StatusReport)
    check_epoch(report.epoch, timestamp)
    url = report.status.url
    if len(url) > MAX_URL or _CONTROL.search(url):
        raise codec.Undecodable("its URL is too long or has control characters")
    if report.settled is not None and report.settled.epoch > report.epoch:
        raise codec.Undecodable("its settled position is of a later run")
    report.status.reason = printable(report.status.reason, MAX_REASON)
    return report
