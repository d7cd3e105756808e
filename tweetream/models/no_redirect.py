"""Asks a worker over HTTP for the command line and other programs, and follows no redirect: it would take the token."""

import urllib.request
from typing import Any

from typing_extensions import override


class _Stay(urllib.request.HTTPRedirectHandler):
    """Leaves each redirect to the handler that makes an HTTPError, before anything reads where it leads."""

    @override
    def http_error_302(self, *arguments: Any, **named: Any) -> None:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def open_url(request: urllib.request.Request, timeout: float) -> Any:
    """The answer. Raises HTTPError, also for a redirect, and what urlopen raises. `timeout` is in seconds."""
    return urllib.request.build_opener(_Stay).open(request, timeout=timeout)
