"""CONTRIBUTING.md: it names every make target, and the files that it points to are there."""

import re

from support.paths import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "demo" in targets and [name for name in targets if not re.search(rf"`(make )?{name}\b", TEXT)] == []


def test_every_marker_is_named() -> None:
    section = (ROOT / "setup.cfg").read_text().split("markers =\n")[1].split("\n\n")[0]
    markers = re.findall(r"^    (\w+):", section, re.MULTILINE)
    assert "soak" in markers and [name for name in markers if f"`{name}`" not in TEXT] == []


def test_the_files_it_links_to_are_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert links and [link for link in links if not (ROOT / link).exists()] == []
