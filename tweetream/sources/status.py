"""The status of each source, as every worker knows it from the reports of the worker that runs the sources.

A report carries the epoch of its run, so reports of a worker that was frozen and replaced are ignored. When the
reports of a source stop, its worker is gone.
"""

import logging
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from tweetream.models import codec
from tweetream.models.drop import Drop
from tweetream.models.printable import printable

log = logging.getLogger(__name__)
REPORT_INTERVAL = 5.0  # seconds between two reports of a source whose status does not change
MAX_REASON = 500  # characters
SILENCE = 20.0  # seconds without a report after which the worker is gone


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
    posts: int = 0
    posts_per_minute: int = 0  # the posts of the last minute
    last_post_at: int | None = None
    reconnects: int = 0
    retry_at: int | None = None
    time_unknown: int = 0
    counts: dict[str, int] = msgspec.field(default_factory=dict)  # of what was dropped or noted, by its reason

    def told(self) -> str:
        """The counts in one line; "" if there is nothing to tell, as of a file whose lines are all posts or blank."""
        if self.posts and not self.counts.keys() - {Drop.BLANK}:
            return ""
        counts = dict(self.counts, time_unknown=self.time_unknown)
        said = [f"{number:,} {reason}" for reason, number in sorted(counts.items()) if number]
        return ", ".join([f"{self.posts:,} posts", *said])


class StatusReport(msgspec.Struct, array_like=True):
    """A record of the sources topic: the status of a source in the run of an epoch."""

    epoch: int
    status: Status


class SourceStatuses:
    """The last report of each source, by its URL as it is shown."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[int, StatusReport]] = {}

    def update(self, data: bytes | None, timestamp: int) -> None:
        """Apply a record of the sources topic; `timestamp` is in ms. Raises codec.TooNew."""
        try:
            report = codec.decode(data, StatusReport)
        except codec.Undecodable as error:
            log.warning("a report of a source cannot be read: %s", error)
            return
        report.status.reason = printable(report.status.reason, MAX_REASON)
        before = self._reports.get(report.status.url)
        if before is None or report.epoch >= before[1].epoch:
            self._reports[report.status.url] = timestamp, report

    def last(self, url: str) -> Status | None:
        """The last reported status of a source, in any run."""
        found = self._reports.get(url)
        return None if found is None else found[1].status

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
