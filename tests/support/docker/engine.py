"""A Docker engine of the tests' own: `dockerd` started by hand, with everything it has in one folder. Needs root.

When it stops it leaves nothing: containers, networks, its bridge, its rules of iptables and its folder are removed, and
forwarding is as it was. Limits: no other engine may run on the machine, since two of them share the names of these.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.programs import start_program
from support.waiting import until

PROGRAMS = ("dockerd", "docker", "debootstrap", "iptables", "go", "java")
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_BRIDGE = Path("/sys/class/net/docker0")
# Where the kernel shares the processors by groups, all containers together count as one process among all others.
_SHARES = Path("/sys/fs/cgroup/cpu/docker/cpu.shares")
_AS_MANY_AS = 20  # processes
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def missing() -> str | None:
    """One line that says why no engine can run here; None when one can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    if absent:
        return f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed"
    if os.geteuid():
        return "dockerd needs root"
    return "another Docker engine runs here" if _BRIDGE.exists() else None


class Engine:
    """dockerd and its client, which sees no other engine and no settings of the user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.config.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For every program that speaks to the engine."""
        return {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_CONFIG": str(self.config), "PATH": _PATH}

    def start(self) -> None:
        roots = ["--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")]
        where = ["--pidfile", str(self.folder / "pid"), "--host", f"unix://{self.folder}/docker.sock"]
        command = [shutil.which("dockerd", path=_PATH) or "dockerd", *roots, *where]
        self._process = start_program(command, self.folder / "dockerd.log")
        until(self._answers, 60, f"dockerd answers; its log is {self.folder}/dockerd.log")

    def share(self) -> None:
        """Give the containers their part of a busy machine. The group is there when a container has run."""
        if _SHARES.exists():
            _SHARES.write_text(str(1024 * _AS_MANY_AS))

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self.log()
        return not subprocess.run(["docker", "info"], env=self.environment, capture_output=True).returncode

    def stop(self) -> None:
        """SIGTERM: containers that still run end with it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def docker(self, *arguments: str, timeout: float = 120.0, **more: str) -> str:
        """What a command of the client prints; `more` goes into its environment."""
        return run(["docker", *arguments], {**self.environment, **more}, timeout=timeout)

    def log(self) -> str:
        return (self.folder / "dockerd.log").read_text(errors="replace")[-2000:]

    def remove_all(self) -> None:
        """Every container and network. Nothing is raised: the engine may be gone."""
        for listing, removal in (
            (("ps", "--all", "--quiet"), ("rm", "--force", "--volumes")),
            (("network", "ls", "--quiet", "--filter", "type=custom"), ("network", "rm")),
        ):
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                if found := self.docker(*listing).split():
                    self.docker(*removal, *found)


def run(
    command: list[str], environment: Mapping[str, str], timeout: float, cwd: Path | None = None, stdin: str = ""
) -> str:
    """The standard output of a program that must succeed."""
    done = subprocess.run(
        command, env=environment, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@contextmanager
def running() -> Iterator[Engine]:
    """An engine in a folder of its own; both are gone after the block, and the machine's network is as before."""
    tables = run(["iptables-save"], {"PATH": _PATH}, 30)
    forward = _FORWARD.read_text()
    folder = Path(tempfile.mkdtemp(prefix="tweetream-docker-", dir="/tmp"))  # a socket's path is short
    engine = Engine(folder)
    try:
        engine.start()
        yield engine
    finally:
        engine.remove_all()
        engine.stop()
        _forget_network(tables, forward)
        _unmount(folder)
        shutil.rmtree(folder)


def _forget_network(tables: str, forward: str) -> None:
    """The bridge of an engine, its rules and the forwarding it switched on."""
    if _BRIDGE.exists():
        run(["ip", "link", "delete", _BRIDGE.name], {"PATH": _PATH}, 30)
    for table in ("filter", "nat"):
        for change in ("-F", "-X"):
            run(["iptables", "-t", table, change], {"PATH": _PATH}, 30)
    run(["iptables", "-P", "FORWARD", "ACCEPT"], {"PATH": _PATH}, 30)
    run(["iptables-restore"], {"PATH": _PATH}, 30, stdin=tables)
    _FORWARD.write_text(forward)


def _unmount(folder: Path) -> None:
    """What a killed engine left mounted below its folder, the innermost first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in sorted((place for place in mounts if place.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=True)
    time.sleep(0.1)
