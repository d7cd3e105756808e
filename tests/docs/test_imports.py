"""A helper of several tests lives in tests/support: no module imports from a test."""

import ast
from pathlib import Path

import pytest
from support.paths import ROOT


@pytest.mark.parametrize("folder", ["tweetream", "tests", "bench", "data"])
def test_no_module_imports_from_a_test(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(path)
        if not name.startswith("aiohttp.test_utils.")
        and any(part.startswith("test_") or part in ("conftest", "tests") for part in name.split("."))
    ]
    assert not found


def imported(path: Path) -> list[str]:
    """The modules that a file names in its imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names
