"""Every statement about feeds has one test that is named for it, by its docstring."""

import ast
import re

from support.paths import TESTS

STATEMENTS = 18


def test_each_of_the_eighteen_statements_has_exactly_one_test_and_it_says_which() -> None:
    found: list[int] = []
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                match = re.match(r"Statement (\d+)\. \w", ast.get_docstring(node) or "")
                found += [int(match[1])] if match else []
    assert sorted(found) == list(range(1, STATEMENTS + 1))
