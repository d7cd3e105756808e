"""Debian's Prometheus with deploy/prometheus/rules.yml, which asks workers; for tests.

`pace` divides all times of the rules, so that an alert that takes minutes comes within seconds.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
from support.paths import ROOT
from support.programs import start_program
from support.waiting import until
from support.workers import Worker

from tweetream.kafka.embedded import end_process, free_ports

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_CONFIGURATION = """
global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [rules.yml]
scrape_configs: [{job_name: tweetream, static_configs: [{targets: [%s]}]}]
"""


def hastened(rules: str, pace: int, thresholds: Mapping[str, str]) -> str:
    """The rules with each time divided by `pace`, but no range under 10 s; thresholds that count in time are given."""
    for old, new in thresholds.items():
        assert old in rules, old
        rules = rules.replace(old, new)

    def shorter(match: re.Match[str]) -> str:
        return f"{match[1]}{max(10, int(match[2]) * _SECONDS[match[3]] // pace)}s]"

    rules = re.sub(r"(\[)(\d+)([smh])\]", shorter, rules)
    return re.sub(r"for: \d+[smh]", "for: 1s", rules)


class Prometheus:
    """Asks these workers twice a second, for a `with` block."""

    def __init__(self, folder: Path, workers: Sequence[Worker], rules: str) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder / "prometheus"
        self._targets = ", ".join(f'"{httpx.URL(worker.url).netloc.decode()}"' for worker in workers)
        self._rules = rules
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir()
        (self._folder / "rules.yml").write_text(self._rules)
        (self._folder / "prometheus.yml").write_text(_CONFIGURATION % self._targets)
        command = [
            "prometheus",
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        self._process = start_program(command, self._folder / "log", cwd=self._folder)
        until(self._answers, 20, "Prometheus answers")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end_process(self._process, 10)

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now. Fails if Prometheus cannot run it."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=20).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """The rules as Prometheus has run them."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=20).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {rule["name"] for rule in self.rules() if rule["state"] == "firing"}
