"""How many workers KEDA and Kubernetes' autoscaler would run, by deploy/kubernetes/keda/scaler.yaml. Starts nothing.

KEDA gives the lag of each topic, at most its threshold for each partition. The autoscaler wants lag / threshold
workers, for the topic that lags most. It goes up only as far as it wanted during the whole of its window, and down only
as far as it wanted at any time of its window. A policy bounds how many come or go within a period.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ruamel.yaml import YAML

TOLERANCE = 0.1  # of the autoscaler: a ratio so near to 1 changes nothing
FILE = Path(__file__).resolve().parent.parent / "deploy" / "kubernetes" / "keda" / "scaler.yaml"


@dataclass(frozen=True)
class Direction:
    """A window (seconds), and how many workers may come or go within a period (seconds)."""

    window: float
    most: int
    period: float

    @classmethod
    def read(cls, behavior: Mapping[str, Any], pace: float) -> Self:
        (policy,) = behavior["policies"]
        return cls(behavior["stabilizationWindowSeconds"] / pace, policy["value"], policy["periodSeconds"] / pace)


@dataclass(frozen=True)
class Rules:
    """What scaler.yaml says; all times are divided by `pace`, so that a run takes minutes."""

    least: int
    most: int
    thresholds: Mapping[str, float]  # by topic
    up: Direction
    down: Direction
    interval: float

    @classmethod
    def read(cls, pace: float = 1.0, path: Path = FILE) -> Self:
        spec = YAML(typ="safe").load(path.read_text())["spec"]
        behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        asked = [trigger["metadata"] for trigger in spec["triggers"]]
        return cls(
            spec["minReplicaCount"],
            spec["maxReplicaCount"],
            {one["topic"]: float(one["lagThreshold"]) for one in asked},
            Direction.read(behavior["scaleUp"], pace),
            Direction.read(behavior["scaleDown"], pace),
            spec["pollingInterval"] / pace,
        )


class Scaler:
    """Decides again and again; times are in seconds, of any clock."""

    def __init__(self, rules: Rules, workers: int) -> None:
        self._rules, self.workers = rules, workers
        self._wanted: deque[tuple[float, int]] = deque()
        self._changes: deque[tuple[float, int]] = deque()

    def wanted(self, lags: Mapping[str, int]) -> int:
        """The workers that the lag alone asks for."""
        rules = self._rules
        most = max(self._of(lag, rules.thresholds[topic]) for topic, lag in lags.items() if topic in rules.thresholds)
        return max(rules.least, min(rules.most, most))

    def _of(self, lag: int, threshold: float) -> int:
        bounded = min(lag, threshold * self._rules.most)
        if abs(bounded / (self.workers * threshold) - 1) <= TOLERANCE:
            return self.workers
        return math.ceil(bounded / threshold)

    def decide(self, now: float, lags: Mapping[str, int]) -> int:
        """The workers that there should be from now on."""
        rules = self._rules
        self._wanted.append((now, self.wanted(lags)))
        longest = max(rules.up.window, rules.down.window)
        while self._wanted[0][0] < now - longest:
            self._wanted.popleft()
        low = min(wanted for at, wanted in self._wanted if at >= now - rules.up.window)
        high = max(wanted for at, wanted in self._wanted if at >= now - rules.down.window)
        if low > self.workers:
            self._change(now, min(low, self._before(now, rules.up.period) + rules.up.most))
        elif high < self.workers:
            self._change(now, max(high, self._before(now, rules.down.period) - rules.down.most))
        return self.workers

    def _before(self, now: float, period: float) -> int:
        """How many there were at the beginning of the period."""
        return self.workers - sum(change for at, change in self._changes if at > now - period)

    def _change(self, now: float, workers: int) -> None:
        if workers != self.workers:
            self._changes.append((now, workers - self.workers))
            self.workers = workers
