"""The tools that some tests need and not every machine has, and the check for each."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from support import postgres
from support.debian import machines
from support.docker import engine
from support.kafka import jars


@dataclass(frozen=True)
class Tool:
    """Something that not every machine has."""

    marker: str
    name: str
    fixtures: frozenset[str]  # a test that uses one of them needs the tool
    missing: Callable[[], str | None]


def _no_program(*names: str) -> Callable[[], str | None]:
    """What to say when none of these programs is installed."""
    return lambda: None if any(map(shutil.which, names)) else f"{names[0]} is not installed"


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_SHELL = "chromium-headless-shell"
TOOLS = [
    Tool("kafka", "Apache Kafka", frozenset({"apache_kafka", "creating_kafka", "secure_kafka"}), jars.missing),
    Tool("curl", "curl", frozenset(), _no_program("curl")),
    Tool("caddy", "Caddy", frozenset({"caddy"}), _no_program("caddy")),
    Tool("nginx", "nginx", frozenset({"nginx"}), _no_program("nginx")),
    Tool("haproxy", "HAProxy", frozenset({"haproxy"}), _no_program("haproxy")),
    Tool("systemd", "systemd", frozenset(), _no_program("systemd-analyze")),
    Tool("promtool", "Prometheus", frozenset({"prometheus"}), _no_program("promtool")),
    Tool("postgres", "PostgreSQL", frozenset({"postgres"}), postgres.missing),
    Tool("docker", "a Docker engine of its own", frozenset(), engine.missing),
    Tool("machines", "machines with systemd", frozenset(), machines.missing),
    Tool("node", "Node with npm", frozenset(), lambda: _no_program("node")() or _no_program("npm")()),
    Tool("browser", "a browser", frozenset({"chromium"}), _no_program(*CHROMIUM)),
]
