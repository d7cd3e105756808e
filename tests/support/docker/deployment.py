"""docker-compose.yml as a user runs it, in a copy of the checkout: the commands, and the facts of its containers."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from support import rest
from support.docker.engine import Engine, run
from support.paths import ROOT
from support.waiting import until

from tweetream.kafka.embedded import free_ports

START = 180.0  # seconds; an idle machine needs 20
FILES = 65536


class Container(NamedTuple):
    """What the engine knows of a container now."""

    id: str
    name: str
    service: str
    facts: dict[str, Any]

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.facts["State"]
        return state

    @property
    def is_well(self) -> bool:
        """Running, and healthy where it has a check."""
        return bool(self.state["Running"]) and self.state.get("Health", {}).get("Status", "healthy") == "healthy"


class Deployment:
    """A copy of the repository's files, and `docker compose` in it."""

    def __init__(self, engine: Engine, **variables: str) -> None:
        self.engine = engine
        self.folder = engine.folder / "tweetream"
        copy_checkout(self.folder)
        http, https = free_ports(2)
        self.url = f"http://127.0.0.1:{http}"
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        self.variables = {"HTTP": str(http), "HTTPS": str(https), "FILES": str(files), **variables}

    @property
    def environment(self) -> dict[str, str]:
        return {**self.engine.environment, "HOME": str(self.engine.folder), **self.variables}

    def compose(self, *arguments: str, timeout: float = 300.0) -> str:
        return run(["docker", "compose", *arguments], self.environment, timeout, cwd=self.folder)

    def containers(self, *services: str) -> list[Container]:
        """Those of these services, or all of them; also those that have stopped."""
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        found = json.loads(self.engine.docker("inspect", *ids)) if ids else []
        key = "com.docker.compose.service"
        made = [Container(c["Id"], c["Name"].strip("/"), c["Config"]["Labels"][key], c) for c in found]
        return sorted(made, key=lambda container: container.name)

    def wait_well(self, **counts: int) -> float:
        """Wait until so many containers of each service are well, and no others there; how many seconds it took."""
        began = time.monotonic()

        def well() -> bool:
            every = {name: self.containers(name) for name in counts}
            return all(len(every[name]) == n and all(c.is_well for c in every[name]) for name, n in counts.items())

        until(well, START, f"{counts} are well", 0.3)
        return time.monotonic() - began

    def inside(self, container: Container, *command: str) -> "subprocess.CompletedProcess[str]":
        """A program in a container, as the container's own user."""
        line = ["docker", "exec", container.id, *command]
        return subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=120)

    def volume(self, name: str) -> Path:
        """Where the engine keeps a volume of the file."""
        facts = json.loads(self.engine.docker("volume", "inspect", f"{self.folder.name}_{name}"))
        return Path(facts[0]["Mountpoint"])

    def get(self, path: str) -> int:
        """The status of a GET through the proxy; 0 without an answer."""
        return rest.status(self.url + path)

    def topics(self) -> dict[str, dict[str, Any]]:
        """The topics by name; none while no worker answers."""
        return rest.topics(self.url)

    @contextmanager
    def in_foreground(self, script: str) -> Iterator["subprocess.Popen[str]"]:
        """A shell script in the checkout, as in a terminal: Ctrl-C goes to all of its programs."""
        log = self.engine.folder / "foreground.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def copy_checkout(folder: Path) -> None:
    """The files that git knows, as they are now: no .env and nothing that was built."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], os.environ, 60, cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
