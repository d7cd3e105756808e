"""The tests of the page's JavaScript, `*.test.js`, run by Node: also in the suite, so that nobody forgets them."""

import os
import subprocess
from pathlib import Path

import pytest
from support.paths import ROOT

HERE = Path(__file__).parent
FILES = sorted(HERE.rglob("*.test.js"))


@pytest.mark.node
def test_all_tests_of_the_pages_modules_pass() -> None:
    assert FILES
    clean = {name: value for name, value in os.environ.items() if name != "NODE_TEST_CONTEXT"}
    command = ["node", "--test", "--test-reporter=spec", *map(str, FILES)]
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def test_every_test_of_javascript_has_the_name_that_node_looks_for() -> None:
    """A file with another name would never run; files.js and modules.js are their only helpers."""
    others = {path.relative_to(HERE).as_posix() for path in HERE.rglob("*.js")} - {
        path.relative_to(HERE).as_posix() for path in FILES
    }
    assert others == {"files.js", "modules.js"}
    assert all(len(path.relative_to(HERE).parts) <= 2 for path in FILES), "package.json names two levels"
