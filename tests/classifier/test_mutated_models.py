"""Model files changed at random never end, hang or fill a process: each is refused in one line, or works."""

import subprocess
import sys

import pytest
from support.paths import ROOT


@pytest.mark.parametrize("number", [400, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.process
@pytest.mark.timeout(900)
def test_a_model_file_changed_at_random_is_refused_or_works(number: int) -> None:
    """Stops a crafted file from ending a worker; the numbers that fail can be run alone."""
    command = [sys.executable, "-m", "support.mutated_models", "0", str(number)]
    done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, timeout=800)
    *_, last = done.stdout.splitlines()
    assert done.returncode == 0, f"file {last}: {done.stderr[-2000:]}"
    print(last)
