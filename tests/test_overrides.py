"""Libraries whose private parts we override or use: a release that lacks one of them is noticed here, not in Kafka.

setup.cfg holds the ranges of versions that this was seen with.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import faust
import mode
import pytest
from support import overrides
from support.paths import ROOT, TESTS

from tweetream.engine.application import App
from tweetream.engine.consumer import Consumer


def test_everything_that_we_override_or_use_is_there() -> None:
    assert overrides.missing() == []


def test_each_private_name_of_a_library_is_in_the_table() -> None:
    assert overrides.unlisted() == []


def test_the_overrides_are_found() -> None:
    assert "perform_seek" in overrides.overridden(Consumer) and "flow_control" in overrides.overridden(App)


@pytest.mark.process
@pytest.mark.parametrize(
    ("library", "file", "old", "said"),
    [
        (faust, "transport/consumer.py", "_new_offset", "Consumer._new_offset overrides nothing any more"),
        (
            faust,
            "transport/consumer.py",
            "_committed_offset",
            "faust.transport.consumer:Consumer has no _committed_off",
        ),
        (mode, "worker.py", "_sentinel_task", "Worker._sentinel_task overrides nothing any more"),
    ],
)
def test_a_release_without_one_of_them_is_noticed(
    library: object, file: str, old: str, said: str, tmp_path: Path
) -> None:
    """A copy of the library is changed, as a later release may be."""
    source = Path(library.__path__[0])  # type: ignore[attr-defined]
    copy = tmp_path / source.name
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    path = copy / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, f"{old}_of_old"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, ROOT, TESTS)))}
    command = [sys.executable, "-m", "support.overrides", "engine"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and said in done.stdout, done.stdout + done.stderr
