"""How the sources do, as every worker knows it: what the one that runs them last reported. Knows no Kafka and no Faust.

A report carries the epoch of the run it belongs to, so that a worker that was frozen says nothing about the sources of
the one that replaced it. A report that is not followed by others is of a worker that has gone.
"""

import logging
from collections.abc import Sequence

import msgspec

from tweetream.models import codec
from tweetream.sources.supervisor import State, Status

log = logging.getLogger(__name__)
EVERY = 5.0  # seconds between two reports of a source of which there is nothing new
SILENCE = 20.0  # seconds after which whoever reported is gone


class Report(msgspec.Struct, array_like=True):
    """A record of the sources topic: how a source did in the run of an epoch."""

    epoch: int
    status: Status


class Reports:
    """The last report of each source, by its URL as it is shown."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[int, Report]] = {}

    def take(self, data: bytes | None, timestamp: int) -> None:
        """A report that came at `timestamp` (ms). Raises codec.TooNew."""
        try:
            report = codec.decode(data, Report)
        except codec.Undecodable as error:
            log.warning("a report of a source cannot be read: %s", error)
            return
        before = self._reports.get(report.status.url)
        if before is None or report.epoch >= before[1].epoch:
            self._reports[report.status.url] = timestamp, report

    def known(self, url: str) -> Status | None:
        """What was last reported of a source, in whatever run."""
        found = self._reports.get(url)
        return None if found is None else found[1].status

    def now(self, urls: Sequence[str], now: int) -> list[Status]:
        """How the sources do at `now` (ms): those of the settings, `urls`, and what else the last run has."""
        last = max((report.epoch for _, report in self._reports.values()), default=0)
        fresh = {url: found for url, found in self._reports.items() if found[1].epoch == last}
        statuses = []
        for url in [*urls, *sorted(fresh.keys() - set(urls))]:
            if url not in fresh:
                statuses.append(Status(url, reason="no worker has begun to read it yet"))
                continue
            at, report = fresh[url]
            status = report.status
            if now - at > SILENCE * 1000 and status.state not in (State.ENDED, State.REFUSED):
                reason = "the worker that read it says nothing any more; another takes over"
                status = msgspec.structs.replace(
                    status, state=State.CONNECTING, reason=reason, posts_per_minute=0, retry_at=None
                )
            statuses.append(status)
        return statuses
