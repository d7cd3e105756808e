"""The EventSource packages of npm that feeds are tried with: fetched once into `.node`, as tests/node names them."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

from support.paths import ROOT

CACHE = ROOT / ".node"
RECIPE = Path(__file__).with_name("node")


def fetch() -> None:
    """Have the packages in CACHE. Several processes may call it at once: one fetches, the others wait for it."""
    CACHE.mkdir(exist_ok=True)
    wanted = (RECIPE / "package.json").read_bytes()
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetched = CACHE / "fetched.json"
        if not (fetched.exists() and fetched.read_bytes() == wanted):
            shutil.copy(RECIPE / "package.json", CACHE)
            # `eventsource` names a newer Node, for those who load it by require().
            command = ["npm", "install", "--no-fund", "--no-audit", "--no-save", "--engine-strict=false"]
            done = subprocess.run(command, cwd=CACHE, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            fetched.write_bytes(wanted)
        shutil.copy(RECIPE / "follow.js", CACHE)


def first_event(package: str, url: str) -> tuple[str, str]:
    """The id and the data of the first event of a stream."""
    fetch()
    command = ["node", "follow.js", package, url]
    done = subprocess.run(command, cwd=CACHE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    event = json.loads(done.stdout)
    return event["id"], event["data"]
