"""docs/operations.md: what it names is there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from support.paths import ROOT

from tweetream import metrics
from tweetream.engine.worker import PATIENCE
from tweetream.models.codec import VERSION
from tweetream.models.drop import Drop
from tweetream.models.messages import PREFIX
from tweetream.settings import Settings
from tweetream.web.limits import SPARE_FILES

TEXT = (ROOT / "docs" / "operations.md").read_text()
FLOWING = " ".join(TEXT.split())  # a sentence may go over a line's end


def rows(head: str) -> list[list[str]]:
    """The cells of the table that begins with this head."""
    lines = TEXT[TEXT.index(f"| {head} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_setting_it_names_is_one() -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z](?!_…)\b", TEXT))
    assert named and named <= {PREFIX + name.upper() for name in Settings.model_fields}


def test_every_metric_it_names_is_one_and_none_of_ours_is_left_out() -> None:
    there = set(re.findall(r"^# TYPE (\S+) ", generate_latest(metrics.registry).decode(), re.MULTILINE))
    there = {name for name in there if not name.endswith("_created")}
    assert set(re.findall(r"\btweetream_[a-z_]+", TEXT)) == there


def test_every_label_it_asks_for_has_that_value() -> None:
    asked = re.findall(r'(tweetream_\w+)\{reason="(\w+)"\}', TEXT)
    assert asked == [("tweetream_posts_dropped_total", Drop.MALFORMED)]


@pytest.mark.process
def test_the_kafka_topics_are_those_that_a_worker_declares_and_the_feeds() -> None:
    program = "from tweetream.topology import *; print(*((s.name, s.partitions, s.config) for s in specs()), sep='\\n')"
    environment = {f"{PREFIX}NAMESPACE": "n", f"{PREFIX}PARTITIONS": "5", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    partitions = {"1": "1", "`TWEETREAM_PARTITIONS`": "5"}
    kept = {"7 days": str(7 * 86_400_000), "the last of each key": "compact"}
    kept["90 days"] = str(90 * 86_400_000)
    kept["longer than any feed"] = str((2 * 7 * 24 + 1) * 3_600_000)
    listed = rows("Kafka topic")
    assert listed[-1][0] == "`NAMESPACE-feed-…`"
    found = {
        (name.strip("`").replace("NAMESPACE", "n"), partitions[count], kept[how]) for name, count, how, _ in listed[:-1]
    }
    declared = [ast.literal_eval(line) for line in done.stdout.splitlines()]
    assert found == {(name, str(count), how.get("retention.ms", "compact")) for name, count, how in declared}


@pytest.mark.parametrize("retention", ["1h", "7d", "365d"])
@pytest.mark.process
def test_that_a_post_was_deleted_is_known_for_longer_than_kafka_may_keep_it(retention: str) -> None:
    program = "from tweetream.topology import *; print({s.name: s.config for s in [*specs(), feed_spec('feed')]})"
    environment = {f"{PREFIX}NAMESPACE": "n", f"{PREFIX}FEED_RETENTION": retention, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    configs = ast.literal_eval(done.stdout)
    # A file's last record may be as much younger than its first as a file is written, and then it ages.
    longest = int(configs["feed"]["retention.ms"]) + int(configs["feed"]["segment.ms"])
    assert longest < int(configs["n-retracted"]["retention.ms"]) <= 3 * longest


def test_every_other_kafka_topic_it_names_is_in_its_table() -> None:
    listed = {row[0] for row in rows("Kafka topic")}
    assert set(re.findall(r"`NAMESPACE-[^`]+`", TEXT)) <= listed


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (r"`TWEETREAM_SESSION_TIMEOUT`, (\d+) s", Settings.model_fields["session_timeout"].default),
        (r"default of (\d+) is above", Settings.model_fields["partitions"].default),
        (r"0\.8 \* (\d+)", Settings.model_fields["max_streams"].default),
        (r"`TWEETREAM_MAX_STREAMS` \+\s+([\d,]+) as far", SPARE_FILES),
        (r"`models/codec\.py`, at present (\d+)", VERSION),
    ],
)
def test_a_number_of_ours_in_it_is_the_codes(words: str, value: float) -> None:
    (found,) = re.findall(words, FLOWING)
    assert float(found.replace(",", "")) == value


def test_a_worker_stops_within_the_time_that_it_gives() -> None:
    assert "gone within five seconds" in FLOWING and PATIENCE < 5


def test_the_changelog_says_which_version_the_records_have() -> None:
    assert re.findall(r"byte of version in front of records is (\d+)", (ROOT / "CHANGELOG.md").read_text())[-1] == str(
        VERSION
    )


def test_the_files_it_points_to_are_there() -> None:
    named = set(re.findall(r"`((?:bench|docs|deploy|tests)/[\w./]*)`", TEXT))
    linked = {(Path("docs") / target).as_posix() for target in re.findall(r"\]\(([\w./-]+)\)", TEXT)}
    assert len(named) > 3 and [path for path in named | linked if not (ROOT / path).exists()] == []


def test_what_is_computed_is_computed_right() -> None:
    cores = 6_000 * 87e-6
    assert f"= {cores:.2f} of a core" in FLOWING and f"= {3 * cores:.1f} cores" in FLOWING
    flow = 6_000 * (350 + 400 + 500)
    assert f"= {flow / 1e6:.1f} MB/s" in FLOWING and f"**{3 * flow * 604_800 / 1e12:.1f} TB**" in FLOWING
    assert f"= **{100_000 * (500 + 40 + 66) * 8 / 1e9:.2f} Gbit/s**" in FLOWING
    assert f"= {100_000 / (10_000 * 0.8):.1f}, so **13**" in FLOWING
    assert f"= {100_000 * 11e-6:.1f} cores, two" in FLOWING and f"= {1_000_000 * 11e-6 / 0.7:.0f} workers" in FLOWING
