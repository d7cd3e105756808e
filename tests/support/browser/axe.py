"""axe-core of npm in an open page: it finds barriers for people with disabilities.

It is injected from outside, so the page's policy stays as it is. It runs all rules but the experimental ones.
"""

from typing import Any

from support import node_clients
from support.browser.tab import Tab

LOOKS: list[tuple[Any, int]] = [("light", 390), ("dark", 1366)]
ALL_LOOKS: list[tuple[Any, int]] = [(scheme, width) for scheme in ("light", "dark") for width in (320, 390, 1366, 3840)]
RUN = "() => axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations)"


def violations(tab: Tab, looks: list[tuple[Any, int]] = LOOKS) -> list[str]:
    """What it finds in light and dark, on phones and large screens: a line each."""
    node_clients.fetch()
    tab.page.evaluate((node_clients.CACHE / "node_modules/axe-core/axe.min.js").read_text())
    found = []
    for scheme, width in looks:
        tab.page.emulate_media(color_scheme=scheme)
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.wait_for_timeout(100)  # parts that depend on the width are drawn again
        found += [f"{scheme}, {width} px: {line}" for each in tab.page.evaluate(RUN) for line in _lines(each)]
    return found


def _lines(violation: dict[str, Any]) -> list[str]:
    return [f"{violation['id']}: {node['target']} {node['failureSummary']}" for node in violation["nodes"]]
