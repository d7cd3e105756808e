"""The npm packages that tests need: EventSource clients for the feeds, and axe-core."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

from support.paths import ROOT

CACHE = ROOT / ".node"
FOLDER = Path(__file__).with_name("node")


def fetch() -> None:
    """Have the packages in CACHE. Several processes may call it at once: one fetches, the others wait for it."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["sh", str(FOLDER / "install.sh")]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        shutil.copy(FOLDER / "follow.js", CACHE)


def first_event(package: str, url: str) -> tuple[str, str]:
    """The id and the data of the first event of a stream."""
    fetch()
    command = ["node", "follow.js", package, url]
    done = subprocess.run(command, cwd=CACHE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    event = json.loads(done.stdout)
    return event["id"], event["data"]
