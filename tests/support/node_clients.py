"""The npm packages that tests need: EventSource clients for the feeds, axe-core, and a parser of JavaScript."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.paths import ROOT

CACHE = ROOT / ".node"
FOLDER = Path(__file__).with_name("node")


def fetch() -> None:
    """Have the packages in CACHE. Several processes may call it at once: one fetches, the others wait for it."""
    command = ["sh", str(FOLDER / "install.sh")]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def first_event(package: str, url: str) -> tuple[str, str]:
    """The id and the data of the first event of a stream."""
    event = _run("follow.js", package, url)
    return event["id"], event["data"]


def changed_programs(pairs: Iterable[tuple[str, str, str]]) -> list[str]:
    """Of modules, each (name, text, another text): the names of those whose texts are not the same program."""
    names: list[str] = _run("programs.js", given=json.dumps(list(pairs)))
    return names


def _run(script: str, *arguments: str, given: str = "") -> Any:
    """What a script of FOLDER prints, which is JSON; it reads `given`."""
    fetch()
    command = ["node", script, *arguments]
    done = subprocess.run(command, cwd=CACHE, input=given, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
