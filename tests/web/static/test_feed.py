"""The feed's states, as far as they need no server: what the server asks for is done."""

from pathlib import Path

import pytest
from support.browser import page_modules

pytestmark = pytest.mark.node


@pytest.mark.parametrize(("wait", "least", "most"), [(0, 1500, 3000), (40, 40_000, 40_000)])
def test_a_server_that_says_when_to_come_again_is_not_asked_before(
    tmp_path: Path, wait: int, least: int, most: int
) -> None:
    script = f"""
    import {{ Feed }} from "./feed.js";
    const states = [];
    const begin = async () => {{
      throw Object.assign(new Error(), {{ status: 503, wait: {wait} }});
    }};
    const feed = new Feed({{ on: {{ state: (state) => states.push(state) }}, begin }});
    const before = Date.now();
    feed.start(["macet"], "");
    await new Promise((done) => setTimeout(done));
    feed.suspend();
    console.log(JSON.stringify([states.at(-1).name, states.at(-1).until - before]));
    """
    name, delay = page_modules.run(tmp_path, script)
    assert name == "waiting" and least <= delay <= most + 1000
