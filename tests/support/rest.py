"""What REST says, asked once; without an answer it says nothing, so that a test can wait for one."""

from typing import Any, NamedTuple

import httpx


class Place(NamedTuple):
    """Where workers answer: a worker itself, or a proxy before some."""

    url: str


def status(url: str) -> int:
    """The status of a GET; 0 without an answer."""
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.HTTPError:
        return 0


def topics(url: str) -> dict[str, dict[str, Any]]:
    """The topics by name, of a worker or a proxy at this URL; none while it does not answer."""
    try:
        answer = httpx.get(f"{url}/topics", timeout=5)
    except httpx.HTTPError:
        return {}
    return {topic["name"]: topic for topic in answer.json()} if answer.status_code == 200 else {}
