"""Shares a run of tests among processes, and chooses the tests that it leaves out.

A test says what it needs by a marker, or by using a fixture that needs it. Where a tool is missing, its tests are not
collected, and one line at the end says so. Where CI is set in the environment they fail instead, since there nothing
may be left out.
"""

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any
from zlib import crc32

import pytest
from support.paths import TESTS
from support.tools import TOOLS

LEFT_OUT = pytest.StashKey[list[str]]()
MISSING = pytest.StashKey[dict[str, str]]()
LONG = ("soak", "docker")  # left out unless `-m` names them
LONG_TIMEOUT = 3600.0  # seconds
# A test that needs a tool, uses one of these fixtures or lies in one of these folders starts another program.
PROCESS_FIXTURES = {"embedded_broker", "any_broker"}
PROCESS_FOLDERS = {"live", "deploy", "cli"}
PAGES = 3  # processes that test the page: each has a browser, a broker and a worker for it
SLOW_FOLDERS = {"live", "deploy"}  # they go first, so that no process is left alone with a long one


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end: looking through it for garbage takes a seventh of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark before pytest selects by -m and -k, leave out after it, so that only what was asked for is counted."""
    for item in items:
        _mark(item)
    items.sort(key=lambda item: _room(item) not in SLOW_FOLDERS)
    yield
    _check_groups(config, items)
    for marker in LONG:
        if marker not in config.getoption("markexpr"):
            _leave_out(config, items, marker)
    absent = {tool.marker: reason for tool in TOOLS if (reason := tool.missing())}
    config.stash[MISSING], config.stash[LEFT_OUT] = absent, []
    if os.environ.get("CI"):
        return
    for tool in TOOLS:
        if tool.marker in absent and (count := _leave_out(config, items, tool.marker)):
            tests = "test that needs" if count == 1 else "tests that need"
            config.stash[LEFT_OUT].append(f"{count} {tests} {tool.name} ({absent[tool.marker]})")


def pytest_collection_finish() -> None:
    """A test that collects garbage need not look through modules and tests either: 0.3 s each time."""
    gc.collect()
    gc.freeze()


def _mark(item: pytest.Item) -> None:
    fixtures = set(getattr(item, "fixturenames", ()))
    for tool in TOOLS:
        if tool.fixtures & fixtures:
            item.add_marker(tool.marker)
    if any(map(item.get_closest_marker, LONG)) and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(LONG_TIMEOUT))
    needs_tool = any(item.get_closest_marker(tool.marker) for tool in TOOLS)
    if needs_tool or fixtures & PROCESS_FIXTURES or _room(item) in PROCESS_FOLDERS:
        item.add_marker("process")
    if _shares(item):
        item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    elif "desk" in fixtures:
        page = 0 if "whole_browser" in fixtures else crc32(item.nodeid.encode()) % PAGES  # one has the whole browser
        item.add_marker(pytest.mark.xdist_group(f"page {page}"))


def _room(item: pytest.Item) -> str:
    """The folder of `tests/` that the test is in."""
    return item.path.relative_to(TESTS).parts[0]


def _shares(item: pytest.Item) -> bool:
    """Whether a fixture of the test is made once a module: then the module's tests stay in one process."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs.values() if info else ()
    return any(found[-1].scope == "module" for found in definitions)


def _check_groups(config: pytest.Config, items: list[pytest.Item]) -> None:
    """pytest-xdist tells a test's group by the test's name; without it each process would start its own workers."""
    if getattr(config.option, "loadgroup", False):
        lost = [item for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
        assert not lost, "pytest-xdist cannot group tests with this release of pytest"


def _leave_out(config: pytest.Config, items: list[pytest.Item], marker: str) -> int:
    """Take the tests with this marker out; how many they were."""
    gone = [item for item in items if item.get_closest_marker(marker)]
    if gone:
        items[:] = [item for item in items if not item.get_closest_marker(marker)]
        config.hook.pytest_deselected(items=gone)
    return len(gone)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Reached with a missing tool only where nothing may be left out."""
    for marker, reason in item.config.stash[MISSING].items():
        if item.get_closest_marker(marker):
            pytest.fail(f"{reason}, and with CI set no test is left out", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what was left out to the process that prints it, where tests run in several."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["left_out"] = session.config.stash.get(LEFT_OUT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """All processes collect the same tests, so any of them may say it."""
    if lines := getattr(node, "workeroutput", {}).get("left_out"):
        node.config.stash[LEFT_OUT] = lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(f"left out: {'; '.join(lines)}", yellow=True)
