"""No file is too long to be read at once, and no function: 300 and 50 lines, docstrings not counted."""

import ast
import subprocess
from pathlib import Path

import pytest
from support.paths import ROOT

LISTED = subprocess.run(["git", "ls-files", "*.py", "*.js"], cwd=ROOT, capture_output=True, text=True, check=True)
FILES = [ROOT / name for name in LISTED.stdout.split() if "/vendor/" not in name]
PYTHON = [path for path in FILES if path.suffix == ".py"]


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function without its docstring."""
    docstring = ast.get_docstring(function, clean=False)
    return (function.end_lineno or 0) - function.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


def test_no_file_is_too_long() -> None:
    assert len(FILES) > 300 and [path.name for path in FILES if len(path.read_text().splitlines()) > 300] == []


@pytest.mark.parametrize("room", ["tweetream", "tests", "bench", "data"])
def test_no_function_is_too_long(room: str) -> None:
    def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        tree = ast.walk(ast.parse(path.read_text()))
        return [node for node in tree if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    paths = [path for path in PYTHON if path.is_relative_to(ROOT / room)]
    long = [f"{path.name}: {found.name}" for path in paths for found in functions(path) if lines(found) > 50]
    assert paths and long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [path.name for path in PYTHON if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []
