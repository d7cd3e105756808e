"""Asks a worker over HTTP for the command line and other programs, and follows no redirect: it would take the token."""

import urllib.request
from typing import Any

from typing_extensions import override


class _Stay(urllib.request.HTTPRedirectHandler):
    """Makes an HTTPError of each redirect."""

    @override
    def redirect_request(self, *arguments: object) -> None:
        return None


def open_url(request: urllib.request.Request, timeout: float) -> Any:
    """The answer. Raises HTTPError, also for a redirect, and what urlopen raises. `timeout` is in seconds."""
    return urllib.request.build_opener(_Stay).open(request, timeout=timeout)
