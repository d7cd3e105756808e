"""deploy/prometheus and deploy/grafana: valid, and what they ask for is what a worker shows and the docs explain."""

import json
import re
import subprocess

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML
from support.paths import DOCS, ROOT

from tweetream import metrics

FOLDER = ROOT / "deploy" / "prometheus"
RULES = YAML(typ="safe").load((FOLDER / "rules.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "tweetream.json").read_text())


def shown() -> set[str]:
    """The names of all series that a worker shows."""
    metrics.declare(["k"], ["s"])
    text = (generate_latest(metrics.registry) + generate_latest(metrics.process)).decode()
    names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    return names | {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


def asked(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:tweetream_\w+|process_\w+)", expression))


@pytest.mark.promtool
def test_promtool_finds_nothing_wrong() -> None:
    for arguments in (["test", "rules", "rules_test.yml"], ["check", "rules", "--lint-fatal", "rules.yml"]):
        done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    for name in ("fixed-hosts.yml", "docker.yml", "kubernetes.yml"):
        done = subprocess.run(["promtool", "check", "config", name], cwd=FOLDER, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.promtool
def test_the_names_of_the_metrics_follow_prometheus_conventions() -> None:
    metrics.declare(["k"], ["s"])
    text = generate_latest(metrics.registry) + generate_latest(metrics.process)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_each_alert_asks_for_series_that_there_are_and_fires_when_they_are_gone(rule: dict[str, str]) -> None:
    assert asked(rule["expr"]) <= shown()
    (absent,) = re.findall(r"or absent\((.+)\)$", rule["expr"])
    assert absent.partition("{")[0] in asked(rule["expr"]) | {"up"}
    assert {"summary", "action"} <= set(rule["annotations"])


def test_the_docs_explain_each_alert_with_its_expression() -> None:
    text = (DOCS / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \| [^|]+ \|$", text, re.MULTILINE))
    assert [f"Tweetream{name}" for name in rows] == [rule["alert"] for rule in RULES]
    for rule in RULES:
        when = rows[rule["alert"].removeprefix("Tweetream")]
        said = rule["expr"].rpartition(" or absent(")[0].removeprefix("(").removesuffix(")")
        names = {name.removesuffix("_bucket") for name in asked(said)}
        assert when.strip("`").rstrip(")") in said or names <= set(re.findall(r"tweetream_\w+", when)), rule["alert"]


def test_the_dashboard_asks_for_series_that_there_are() -> None:
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert len(expressions) > 20 and set().union(*map(asked, expressions)) <= shown()
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert len({(place["x"], place["y"]) for place in places}) == len(places), "no panel lies on another"
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in DASHBOARD["panels"]), "yours, not ours"
