"""docs/glossary.md: each word is there once, and what it names in the code exists."""

import ast
import re
from pathlib import Path

import pytest
from support.paths import DOCS, ROOT

TEXT = (DOCS / "glossary.md").read_text()
ROWS = re.findall(r"^\| ([^|`]+) \| ([^|]+) \| `([\w.]+)` \|$", TEXT, re.MULTILINE)
GROUPS = re.findall(r"^## ", TEXT, re.MULTILINE)


def names_in(path: Path) -> set[str]:
    """The names that a module defines at its top level, found without importing it."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def module_file(parts: list[str]) -> Path | None:
    """The file of a module of ours, None if there is none."""
    base = ROOT.joinpath("tweetream", *parts)
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def exists(name: str) -> bool:
    """Whether `name` is a module, or something that a module defines."""
    parts = name.split(".")
    if module_file(parts):
        return True
    path = module_file(parts[:-1])
    return path is not None and parts[-1] in names_in(path)


def test_every_line_of_its_tables_is_an_entry() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert len(ROWS) == len(lines) - 2 * len(GROUPS) > 50


def test_each_word_is_explained_once() -> None:
    words = [word for word, _, _ in ROWS]
    assert sorted(set(words)) == sorted(words)


def test_words_are_in_alphabetical_order() -> None:
    for group in TEXT.split("\n## ")[1:]:
        words = re.findall(r"^\| ([^|`]+) \| [^|]+ \| `", group, re.MULTILINE)
        assert words == sorted(words)


@pytest.mark.parametrize(("word", "name"), [(word, name) for word, _, name in ROWS])
def test_what_an_entry_names_exists(word: str, name: str) -> None:
    assert exists(name), f"{word}: tweetream.{name} does not exist"


@pytest.mark.parametrize("name", ["feeds.hub.Nothing", "nothing.Hub", "feeds.hub.Hub.follow"])
def test_a_wrong_name_is_noticed(name: str) -> None:
    assert not exists(name)
