"""docs/sources.md is true: its lists are compared with the code, and its example needs only the public interface."""

import ast
import re

from support.paths import DOCS

from tweetream import sources
from tweetream.sources import SCHEMES, Drop, FailureKind
from tweetream.sources.supervisor import JITTER, LONGEST, MAX_NOT_BEFORE, STABLE, delay

TEXT = (DOCS / "sources.md").read_text()
LATER = {Drop.FENCED, Drop.UNMATCHED, Drop.REFUSED}  # reasons that come after the source


def test_each_source_is_in_both_tables() -> None:
    for scheme in SCHEMES:
        assert len(re.findall(rf"^\| `{scheme}:", TEXT, re.MULTILINE)) == 2, scheme


def test_the_waits_are_those_of_the_supervisor() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| [^|]+ \| ([\d.]+ s \| [\w ]+ \| [\d.]+ s) \|$", TEXT, re.MULTILINE))
    assert set(rows) == set(FailureKind)
    for kind in FailureKind:
        first, second = delay(kind, 1), delay(kind, 2)
        grows = "doubling" if delay(kind, 3) == 4 * first else "the same again"
        assert second == 2 * first
        assert rows[kind] == f"{first:g} s | {grows} | {LONGEST[kind]:g} s"
    assert (JITTER, MAX_NOT_BEFORE) == (1 / 5, 3600) and f"held for {STABLE:.0f} s" in " ".join(TEXT.split())


def test_each_reason_to_drop_what_was_read_is_named() -> None:
    said = set(re.findall(r"`(\w+)`", TEXT[TEXT.index("with a reason:") : TEXT.index("When a connection ends")]))
    assert said == set(Drop) - LATER


def test_the_example_imports_only_the_public_interface() -> None:
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "class Lines" in block]
    imports = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Import | ast.ImportFrom)]
    ours = [node for node in imports if "tweetream" in ast.unparse(node)]
    (only,) = ours
    assert isinstance(only, ast.ImportFrom) and only.module == "tweetream.sources"
    assert {alias.name for alias in only.names} <= set(sources.__all__)
