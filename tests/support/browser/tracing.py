"""Figures from the browser's own tracing: the longest tasks of a page's main thread, and its first paint.

Limits: Chromium, one page that is traced at a time.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page

CATEGORIES = ["disabled-by-default-devtools.timeline", "loading", "blink.user_timing", "devtools.timeline"]


class Trace(NamedTuple):
    """Milliseconds."""

    tasks: list[float]  # of the renderer's main thread, longest first
    work: list[float]  # the same in CPU time, without the time that other programs take
    first_paint: float | None  # of content, from the beginning of the navigation; None without one
    largest_paint: float | None


def traced(browser: Browser, page: Page, work: Callable[[], None]) -> Trace:
    """Trace the page while `work` runs."""
    browser.start_tracing(page=page, categories=CATEGORIES)
    work()
    return read(json.loads(browser.stop_tracing())["traceEvents"])


def read(events: list[dict[str, Any]]) -> Trace:
    """The numbers in a trace's events."""
    renderer = _renderer(events)
    mine = [event for event in events if event["pid"] == renderer]
    main = {e["tid"] for e in mine if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"}
    tasks = [e for e in mine if e["name"] == "RunTask" and e["tid"] in main and "dur" in e]
    lasted, worked = (sorted((e[time] / 1000 for e in tasks if time in e), reverse=True) for time in ("dur", "tdur"))
    begun = {_navigation(e): e["ts"] for e in mine if e["name"] == "navigationStart"}

    def painted(name: str) -> float | None:
        times = [(e["ts"], begun.get(_navigation(e))) for e in mine if e["name"] == name]
        return max(((at - start) / 1000 for at, start in times if start is not None), default=None)

    paints = painted("firstContentfulPaint"), painted("largestContentfulPaint::Candidate")
    return Trace(lasted, worked, *paints)


def _navigation(event: dict[str, Any]) -> str:
    return str(event["args"]["data"]["navigationId"])


def _renderer(events: list[dict[str, Any]]) -> int:
    """The process of the page that was traced: the last that a frame of it was in."""
    pids: list[int] = []
    for event in events:
        data = event.get("args", {}).get("data", {})
        if event["name"] == "TracingStartedInBrowser":
            pids += [frame["processId"] for frame in data["frames"] if "parent" not in frame]
        elif event["name"] == "FrameCommittedInBrowser" and "parent" not in data and "processId" in data:
            pids.append(data["processId"])
    return pids[-1]
