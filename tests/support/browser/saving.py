"""Saves posts on the page as a person does, and reads the file."""

import csv
import io

from playwright.sync_api import expect
from support.browser.tab import Tab


def saved(tab: Tab, format: str, number: str, filtered: bool = True) -> bytes:
    """The file that a person saves, after the number was said; and the filter, where there is one."""
    tab.more().get_by_role("button", name=f"Save {'these' if filtered else 'all'} posts").click()
    dialog = tab.page.get_by_role("dialog", name="Save posts")
    expect(dialog.get_by_role("status")).to_have_text(f"{number} posts{' pass the filter' if filtered else ''}.")
    with tab.page.expect_download() as download:
        dialog.get_by_role("button", name=format).click()
    expect(tab.page.locator("#copied")).to_have_text(f"{number} posts saved.")
    assert download.value.suggested_filename.startswith("tweetream-")
    return download.value.path().read_bytes()


def rows(written: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline=""), strict=True))
