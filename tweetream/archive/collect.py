"""Collects the posts of topics from a worker's feeds, over HTTP, into an archive in a file, to be exported.

The file holds the position of each feed with the posts, so that a collection that was interrupted goes on. A post of
several topics is one row. A worker that asks to wait (429, 503) is waited for.
"""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from urllib.parse import urlencode

import msgspec

from tweetream.archive.batch import Batch, Store
from tweetream.archive.errors import BadArchive
from tweetream.archive.rows import FeedState, Row, ms_of
from tweetream.models.feed import BadPosition, FeedEntry, Position, parse_positions
from tweetream.models.no_redirect import open_url
from tweetream.models.printable import printable

PAGE = 1_000  # posts of one call
PATIENCE = 600.0  # seconds that a worker may keep us waiting for one page
MAX_ANSWER = 16 * 1024 * 1024


class _Page(msgspec.Struct):
    posts: list[FeedEntry]
    after: str | None


class Worker:
    """A worker's older posts. `sleep` is passed in, so that tests need not wait."""

    def __init__(self, url: str, token: str = "", sleep: Callable[[float], None] = time.sleep) -> None:
        self._url, self._sleep = url.rstrip("/"), sleep
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def page(self, topic: str, query: Mapping[str, str]) -> _Page:
        """A page of posts. Raises BadArchive with what the worker said."""
        url = f"{self._url}/topics/{topic}/posts?{urlencode(query)}"
        waited = 0.0
        while True:
            try:
                request = urllib.request.Request(url, headers=self._headers)
                with open_url(request, timeout=30) as answer:
                    return msgspec.json.decode(answer.read(MAX_ANSWER), type=_Page)
            except urllib.error.HTTPError as error:
                with error:
                    wait = error.headers.get("Retry-After", "")
                    if error.code not in (429, 503) or not re.fullmatch("[0-9]{1,4}", wait) or waited > PATIENCE:
                        raise BadArchive(_said(error)) from None
                waited += int(wait)
                self._sleep(float(wait))
            except (OSError, ValueError, HTTPException) as error:
                reason = printable(getattr(error, "reason", error))
                raise BadArchive(f"no worker answers at {self._url}: {reason}") from None


def collect(
    worker: Worker, store: Store, topics: Sequence[str], query: Mapping[str, str], until: int | None,
    progress: Callable[[int], None],
) -> None:  # fmt: skip
    """Bring all posts of the topics into the store, from where it is. Raises BadArchive or ArchiveUnavailable."""
    began = time.time_ns() // 1_000_000
    states = {state.topic: (name, state) for name, state in store.open().items()}
    for topic in topics:
        given = dict(query)
        if topic in states:  # the generation, and the offset after the last one
            name, state = states[topic]
            given["after"] = str(Position(topic, name.partition("@")[2], state.next_offset - 1))
        else:
            given["after"] = str(Position(topic, "0", -1))  # another generation: the page begins where the feed does
        while True:
            page = worker.page(topic, given | {"last": str(PAGE)})
            if page.after is None or (page.after == given["after"] and not page.posts):
                break
            rows = [Row(post, ms_of(post.received_at), [topic]) for post in page.posts]
            kept = [row for row in rows if until is None or row.received < until]
            place = _position(page.after, topic)
            store.write(Batch(kept, {f"{topic}@{place.generation}": FeedState(topic, place.offset + 1)}))
            progress(len(kept))
            given["after"] = page.after
            if rows and rows[-1].received >= began:  # the feed grows while it is read
                break


def _position(text: str, topic: str) -> Position:
    try:
        return parse_positions(text)[topic]
    except (BadPosition, KeyError):
        raise BadArchive("the worker gave no position: is it one of this release?") from None


def _said(error: urllib.error.HTTPError) -> str:
    try:
        detail = msgspec.json.decode(error.read(MAX_ANSWER), type=dict[str, str | int])["detail"]
    except (OSError, ValueError, KeyError, HTTPException):
        detail = str(error.reason)
    return printable(f"the worker answered {error.code}: {detail}")
