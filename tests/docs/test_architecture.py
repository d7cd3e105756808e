"""docs/architecture.md and README.md: the files, rooms and Kafka topics that they name are there."""

import re

from support.paths import DOCS, ROOT

TEXT = (DOCS / "architecture.md").read_text()
README = (ROOT / "README.md").read_text()
PACKAGE = ROOT / "tweetream"


def test_the_files_it_names_are_there() -> None:
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)+\.py)`", TEXT))
    assert (
        len(named) > 15 and [name for name in named if not ((PACKAGE / name).exists() or (ROOT / name).exists())] == []
    )


def test_its_kafka_topics_are_those_of_the_operations_guide() -> None:
    operations = (DOCS / "operations.md").read_text()
    listed = re.findall(r"^\| `(NAMESPACE-[^`]+)` \| (\d|N) \|", TEXT, re.MULTILINE)
    guide = re.findall(r"^\| `(NAMESPACE-[^`]+)` \| (\d|`TWEETREAM_PARTITIONS`) \|", operations, re.MULTILINE)
    there = {(name, "N" if count.startswith("`") else count) for name, count in guide}
    assert set(listed) == there - {("NAMESPACE-__assignor-__leader", "1")}


def test_readme_has_a_line_for_each_room_and_no_other() -> None:
    table = README[README.index("| room in") :].split("\n\n")[0]
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`([a-z]+)/`", line.split(" | ")[0])}
    assert named == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_readme_is_short_and_what_it_links_to_is_there() -> None:
    assert len(README.splitlines()) < 150
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(links) > 10 and [link for link in links if not (ROOT / link).exists()] == []


def test_what_readme_says_about_a_feeds_record_and_cleaning_is_so() -> None:
    assert "def event_line(" in (PACKAGE / "models" / "feed.py").read_text()
    assert "class Cleaner" in (PACKAGE / "text.py").read_text()
    assert re.search(r"\bSCHEMES\b", "".join(path.read_text() for path in (PACKAGE / "sources").glob("*.py")))
