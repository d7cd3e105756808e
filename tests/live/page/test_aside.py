"""The parts beside the posts, and the dialog "why this label": no barrier, and the focus comes back."""

import pytest
from support.browser.axe import violations
from support.browser.tab import Open
from support.kafka.post_writer import PostWriter, post

pytestmark = [pytest.mark.node, pytest.mark.soak]  # test_axe.py has the quick ones


def test_no_barrier_with_everything_beside_the_posts_opened_and_none_in_why(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    ids = posting.write(*(post(f"{topic} macet {n}") for n in range(3)))
    with visit(locale="id") as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_post(ids[-1])
        page.wait_for_selector("#charts-share li", state="attached")
        page.evaluate("() => document.querySelectorAll('.aside details').forEach((one) => (one.open = true))")
        page.wait_for_selector("#charts-table td")
        assert violations(tab) == []
        button = page.locator(f'#posts [data-id="{ids[-1]}"] [data-act="why"]')
        button.press("Enter")
        page.locator(".why-details > summary").click()
        page.wait_for_selector("#why-rows li")
        assert violations(tab) == []
        page.keyboard.press("Escape")
        assert button.evaluate("(one) => one === document.activeElement")
