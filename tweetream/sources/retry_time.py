"""The time of the next allowed request, as a server's response names it. Knows no HTTP library."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime

from tweetream.sources.post_builder import post_time

LONGEST = 86_400.0  # seconds; a later time is a misunderstanding, a wrong clock, or an attack
# Mastodon and X spell them differently. A limit of which something remains is not the reason to wait.
_LIMITS = ("X-RateLimit", "X-Rate-Limit")


def retry_time(headers: Mapping[str, str]) -> float:
    """Seconds since 1970, at most LONGEST from now; 0 if the response names no time.

    `headers` are those of aiohttp, whose names have no case. An unreadable time of a limit counts as now.
    """
    now = time.time()
    times = [_retry_after(headers.get("Retry-After", "").strip(), now)]
    for limit in _LIMITS:
        reset = headers.get(f"{limit}-Reset", "")
        if reset and headers.get(f"{limit}-Remaining", "0") == "0":
            when = post_time(reset, round(now * 1000))  # as in a post: RFC 3339, or since 1970
            times.append(now if when is None else when / 1000)
    return min(max(times), now + LONGEST)


def _retry_after(value: str, now: float) -> float:
    if re.fullmatch("[0-9]{1,20}", value):
        return now + min(float(value), LONGEST)
    with suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return 0.0
