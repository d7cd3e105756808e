"""Programs that tests start beside the worker, as proxies and Prometheus: they write to a log and die with the test."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tweetream.kafka.embedded import dies_with_parent


def start_program(
    command: list[str], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> "subprocess.Popen[bytes]":
    """Start it with PATH and this environment alone. End it by `end_process`."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=dies_with_parent(),
        )
