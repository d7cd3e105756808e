"""Where a process spends its time: py-spy beside it, and the functions with the most time of their own.

Needs py-spy (a package of its own, `pip install py-spy`) and, on some systems, the right to trace processes.
The file it writes holds a line a stack, as flame graph programs read it.
"""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

RATE = 100  # samples a second


class Sampler:
    """Samples a process from `start` to `stop`."""

    def __init__(self, file: Path) -> None:
        self._file = file.resolve()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, pid: int) -> None:
        program = _program()
        assert program is not None
        command = [program, "record", "--pid", str(pid), "--rate", str(RATE), "--format", "raw", "--threads"]
        self._process = subprocess.Popen(
            [*command, "--output", str(self._file), "--duration", "3600", "--nonblocking"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None

    def top(self, number: int = 25) -> str:
        """A table of the functions with the most time of their own, and with what they call."""
        own: Counter[str] = Counter()
        all_in: Counter[str] = Counter()
        for line in self._file.read_text(errors="replace").splitlines():
            stack, _, count = line.rpartition(" ")
            frames = [frame.rpartition(":")[0] or frame for frame in stack.split(";")]
            own[frames[-1]] += int(count)
            for frame in set(frames):
                all_in[frame] += int(count)
        total = sum(own.values()) or 1
        rows = [
            f"{100 * n / total:5.1f} %  {100 * all_in[name] / total:5.1f} %  {name}" for name, n in own.most_common()
        ]
        return "\n".join(["    own      all  function", *rows[:number]])


def missing() -> bool:
    """Whether py-spy is not installed."""
    return _program() is None


def _program() -> str | None:
    return shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
