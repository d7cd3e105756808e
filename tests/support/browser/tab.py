"""The page in a real browser: opens it, reads it, and checks for things that must never happen.

A tab notes every error of its scripts, every violation of the content security policy and every request to another
host; `check` says that there were none. Limits: Chromium.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, expect
from support.workers import Worker

END = """() => Math.ceil(scrollY + innerHeight) >= document.scrollingElement.scrollHeight
  && /^[^…]+$/.test(document.querySelector(".posts-end").textContent)"""
PATIENCE = 15_000  # ms for a step that an idle machine does at once
expect.set_options(timeout=PATIENCE)


LABELS = {"non_traffic": "not about traffic"}  # that the page has words of its own for


def said(label: str) -> str:
    """What the page calls a label, in English."""
    return LABELS.get(label, label.replace("_", " "))


def launch(playwright: Playwright, path: str, *options: str) -> Browser:
    """Debian's Chromium; it lets a page measure its memory exactly."""
    return playwright.chromium.launch(
        executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--enable-precise-memory-info", *options]
    )


class Tab:
    """One page of one visitor."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.problems: list[str] = []
        self.requests: list[str] = []  # paths, with their queries
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("console", self._said)
        page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Trusted Type" in message.text:
            self.problems.append(message.text)

    def _asked(self, request: Request) -> None:
        if request.url.startswith(self.origin):
            self.requests.append(request.url.removeprefix(self.origin))
        elif not request.url.startswith(("blob:", "data:")):
            self.problems.append(f"a request to {request.url}")

    def open(self, address: str = "/") -> "Tab":
        self.page.goto(self.origin + address)
        return self

    def with_clock(self) -> "Tab":
        """Before `open`: the page's clock runs as ever, and `later` can move it on."""
        self.page.clock.install()
        return self

    def later(self, ms: int) -> None:
        """Move the page's clock on, and do what is due by then."""
        self.page.clock.fast_forward(ms)

    def stop_clock(self) -> None:
        """The page's clock stands still, however busy this machine is, until `later` moves it on."""
        self.page.clock.pause_at(self.page.evaluate("Date.now() + 1000"))

    def menu(self, topic: str, act: str) -> None:
        """Choose `edit`, `mute` or `remove` in the menu of a topic."""
        self.page.locator(f'[data-topic="{topic}"] .more').click()
        self.page.locator(f'#topic-menu [data-act="{act}"]').click()

    def ids(self) -> list[str]:
        """The ids of the posts shown, newest first."""
        found: list[str] = self.page.eval_on_selector_all("#posts [data-id]", "items => items.map(i => i.dataset.id)")
        return found

    def wait_for(self, expression: str, arg: Any = None) -> None:
        """Until this is true in the page."""
        self.page.wait_for_function(expression, arg=arg)

    def wait_for_post(self, id: str) -> None:
        # No handle of the element: that would keep it when it has left the page.
        self.wait_for("id => document.querySelector(`#posts [data-id='${id}']`) !== null", id)

    def wait_for_state(self, *names: str) -> None:
        self.wait_for("names => names.includes(document.querySelector('#state').dataset.state)", list(names))

    def walk(self) -> tuple[list[str], int]:
        """Scroll from the top to the first post: the ids on the way, and the most posts in the document at once."""
        page, seen, most = self.page, dict[str, None](), 0
        page.evaluate("scrollTo(0, 0)")
        for _ in range(1000):
            ids = self.ids()
            most = max(most, len(ids))
            seen.update(dict.fromkeys(ids))
            page.evaluate("scrollBy(0, innerHeight * 0.9)")
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            if page.evaluate(END) and self.ids() == ids:
                break
        return list(seen), most

    def open_charts(self) -> Page:
        """The charts, and their table; on a large screen they are open at once."""
        page = self.page
        if page.locator("#bar-charts").is_visible():
            page.locator("#bar-charts").click()
        if page.locator("#charts-details").get_attribute("open") is None:
            page.locator("#charts-details > summary").click()
        page.locator("#charts .as-table > summary").click()
        return page

    def charted(self) -> Counter[str]:
        """Posts of the last hour by label, as the table of the charts has them; it is open."""
        cells = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        self.wait_for("() => document.querySelectorAll('#charts-table tr').length === 61")
        (_, *names), *rows = self.page.eval_on_selector_all("#charts-table tr", cells)
        return Counter({name: sum(int(row[at]) for row in rows) for at, name in enumerate(names, 1)})

    def more(self) -> Page:
        """Open the menu with more to do."""
        self.page.locator("#more > summary").click()
        return self.page

    def choose_labels(self, *labels: str) -> None:
        """Choose these labels of the filter, by what the server calls them."""
        self.page.locator("#filter-label").click()
        for label in labels:
            self.page.locator(f"#filter-labels input[value={label}]").check()
        self.page.keyboard.press("Escape")

    def streams(self) -> list[str]:
        """The feeds asked for, one after the other."""
        return [path for path in self.requests if path.startswith("/feeds/")]

    def check(self) -> None:
        assert not self.problems, self.problems


@contextlib.contextmanager
def tab(browser: Browser, origin: str, **options: Any) -> Iterator[Tab]:
    """A visitor who was never here: no storage, nothing granted. In English, unless `locale` says otherwise."""
    context = browser.new_context(**{"locale": "en-GB", "timezone_id": "Asia/Jakarta"} | options)
    try:
        opened = Tab(context.new_page(), origin)
        yield opened
        opened.check()
    finally:
        context.close()


Open = Callable[..., AbstractContextManager[Tab]]  # a tab of one worker, with the context's options by name


def add(worker: Worker, name: str, *track: str) -> None:
    """Add a topic over HTTP."""
    body: dict[str, Any] = {"name": name} | ({"track": track} if track else {})
    httpx.post(f"{worker.url}/topics", json=body, timeout=30).raise_for_status()
