"""Sends alerts to the address of the settings: signed, and with pauses while the receiver fails.

The headers are those of Standard Webhooks (standardwebhooks.com). An attempt again has the same id and the same body.
The address can hold a secret, so no line shows more of it than its host. No redirect is followed. Knows no Kafka.
"""

import base64
import hashlib
import hmac
import logging
import random
import time
from collections.abc import Callable
from enum import Enum

import aiohttp
from aiohttp import hdrs
from yarl import URL

from tweetream import __version__
from tweetream.models.alert import Alert
from tweetream.models.printable import printable
from tweetream.models.setting_values import SIGNING_PREFIX

log = logging.getLogger(__name__)
TIMEOUT = 10.0  # seconds of an attempt
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds after failures
LONGEST_WISH = 300.0  # seconds of a Retry-After
_NEVER = frozenset({400, 410, 413, 414, 415, 422})  # the receiver says that it will not take this one later either


class Outcome(Enum):
    """What became of an alert. The values are those of the metric."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    LATE = "late"


def key_of(secret: str) -> bytes:
    """The key of a secret: what `whsec_` and base64 say, or the bytes of any other text."""
    if secret.startswith(SIGNING_PREFIX):
        return base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    return secret.encode()


def headers_of(alert: Alert, secret: str, at: int) -> dict[str, str]:
    """The headers of an attempt at the time `at` (seconds since 1970), with the signature if there is a secret."""
    headers = {
        hdrs.CONTENT_TYPE: "application/json",
        hdrs.USER_AGENT: f"tweetream/{__version__}",
        "Idempotency-Key": f'"{alert.id}"',
        "webhook-id": alert.id,
        "webhook-timestamp": str(at),
    }
    if secret:
        signed = b"%s.%d.%s" % (alert.id.encode(), at, alert.body)
        digest = hmac.digest(key_of(secret), signed, hashlib.sha256)
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


class Webhook:
    """The receiver. After a failure it is left alone for a while, whatever alert failed."""

    def __init__(self, url: str, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._url, self._secret, self._clock = URL(url), secret, clock
        self._host = f"{self._url.scheme}://{self._url.host}"
        self._session: aiohttp.ClientSession | None = None
        self._failures, self._ready_at = 0, 0.0

    @property
    def ready(self) -> bool:
        """Whether an attempt may begin."""
        return self._clock() >= self._ready_at

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, alert: Alert) -> Outcome | None:
        """One attempt. None if it failed and shall be made again, when `ready`."""
        headers = headers_of(alert, self._secret, int(self._clock()))
        wish = 0.0
        try:
            async with self._opened().post(
                self._url, data=alert.body, headers=headers, allow_redirects=False
            ) as answer:
                status, wish = answer.status, _wish(answer.headers.get(hdrs.RETRY_AFTER, ""))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:  # ValueError: a strange answer
            # Other messages can have the whole address.
            said = str(error) if isinstance(error, aiohttp.ClientConnectorError) else type(error).__name__
            reason = printable(said, 200)
        else:
            if 200 <= status < 300:
                if self._failures:
                    log.info("alerts are delivered again to %s", self._host)
                self._failures = 0
                return Outcome.DELIVERED
            if status in _NEVER:
                log.error("%s refuses the alert %s for good: %d", self._host, alert.id, status)
                return Outcome.REFUSED
            reason = f"it answers {status}" + (", a redirect, which is not followed" if 300 <= status < 400 else "")
        self._failed(reason, wish)
        return None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:  # made in the loop that uses it
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=8),
            )
        return self._session

    def _failed(self, reason: str, wish: float) -> None:
        if self._ready_at <= self._clock():  # else another attempt of the same moment has failed already
            pause = min(FIRST_PAUSE * 2 ** min(self._failures, 10), LONGEST_PAUSE) * random.uniform(0.5, 1.0)
            self._failures += 1
            self._ready_at = self._clock() + max(pause, wish)
            log.warning(
                "an alert waits for %s: %s; again in %.0f s", self._host, reason, self._ready_at - self._clock()
            )


def _wish(retry_after: str) -> float:
    """The seconds of a Retry-After; 0 for none, and for a date."""
    return min(float(retry_after), LONGEST_WISH) if retry_after.isascii() and retry_after.isdigit() else 0.0
