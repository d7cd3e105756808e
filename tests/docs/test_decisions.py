"""docs/decisions/: each record is short, has its three parts, is in the index, and names files that exist."""

import re
from pathlib import Path

import pytest
from support.paths import DOCS, ROOT

FOLDER = DOCS / "decisions"
RECORDS = sorted(FOLDER.glob("0*.md"))
INDEX = (FOLDER / "README.md").read_text()


def test_the_index_lists_every_record_by_its_title() -> None:
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", INDEX, re.MULTILINE)
    assert listed == [(path.read_text().splitlines()[0].removeprefix("# "), path.name) for path in RECORDS]
    assert [title.split(".")[0] for title, _ in listed] == [str(number + 1) for number in range(len(RECORDS))]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_short_and_has_its_parts(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]
    assert len(lines) < 60


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_files_that_a_record_names_exist(path: Path) -> None:
    named = re.findall(r"`([\w./-]+(?:/|\.(?:py|md|txt|cfg)))`", path.read_text())
    assert [name for name in named if not ((ROOT / name).exists() or (ROOT / "tweetream" / name).exists())] == []
