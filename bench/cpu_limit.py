"""A bound for the CPU of a process, as a limit of Kubernetes sets it: a control group of its own. Linux, and root."""

import os
from pathlib import Path

PERIOD = 100_000  # us, as Kubernetes has it
_FIRST, _SECOND = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


class CpuLimits:
    """Bounds each process that is given to `add`; `remove` removes the groups of those that have ended."""

    def __init__(self, cores: float) -> None:
        self._quota = int(cores * PERIOD)
        self._root = _FIRST if _FIRST.is_dir() else _SECOND
        self._groups: list[Path] = []

    def add(self, pid: int) -> None:
        """Raises OSError where this user may not."""
        group = self._root / f"tweetream-bench-{os.getpid()}-{pid}"
        group.mkdir()
        self._groups.append(group)
        if self._root is _FIRST:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(self._quota))
        else:
            (group / "cpu.max").write_text(f"{self._quota} {PERIOD}")
        (group / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        for group in self._groups:
            group.rmdir()
