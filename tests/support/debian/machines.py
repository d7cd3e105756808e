"""Machines with Debian and systemd, on this one: namespaces, a root of layers, and a network among them. Needs root.

A machine can be killed as by a power cut, and started again with its disk or with an empty one. When all end, the
network of this machine is as it was. Limits: they share the kernel, so none has a clock or modules of its own.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support.docker import engine
from support.waiting import until

NETWORK, GATEWAY = "10.0.0", "10.0.0.254"
PROGRAMS = ("debootstrap", "unshare", "nsenter", "ip", "iptables", "java")
_BOOT = Path(__file__).with_name("boot.sh")
_BRIDGE = "tweetream0"
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_NAT = ["POSTROUTING", "-s", f"{NETWORK}.0/24", "!", "-d", f"{NETWORK}.0/24", "-j", "MASQUERADE"]
# Control groups of version 2, alone or beside those of version 1.
_GROUPS = next(
    (path for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")) if (path / "cgroup.procs").exists()), None
)
_PACKAGES = "systemd,systemd-sysv,dbus,iproute2,procps"
_ENVIRONMENT = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
_INSIDE = [
    "env",
    "-i",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
]


def missing() -> str | None:
    """One line that says why no machine can run here; None when one can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_ENVIRONMENT["PATH"]) is None]
    if absent:
        return f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed"
    if os.geteuid():
        return "machines need root"
    return None if _GROUPS else "there are no control groups of version 2"


class Machine:
    """One machine at 10.0.0.NUMBER. `shared` is the folder of a Debian; nothing is written into it."""

    def __init__(self, number: int, shared: Path, folder: Path) -> None:
        self.number, self.address = number, f"{NETWORK}.{number}"
        self.folder = folder / str(number)
        self._shared, self._disk = shared, self.folder / "changes"
        self._group = (_GROUPS or Path()) / f"tweetream-{number}"
        self._port = f"tweetream-{number}"  # of its wire, on this side
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0  # systemd's process, as this machine numbers it

    def start(self) -> None:
        """Boot it, and wait until systemd has done so."""
        self.folder.mkdir(exist_ok=True)
        self._group.mkdir(exist_ok=True)
        namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "--kill-child"]
        boot = " ".join(["exec unshare", *namespaces, f"sh {_BOOT} {self._shared} {self.folder}"])
        with (self.folder / "boot.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", f"echo $$ > {self._group}/cgroup.procs && {boot}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self._init = until(lambda: int((children.read_text().split() or ["0"])[0]), 10, "its first process")
        until(lambda: os.readlink(f"/proc/{self._init}/ns/net") != os.readlink("/proc/self/ns/net"), 10, "its network")
        self._plug_in()
        until(lambda: self._state() in ("running", "degraded"), 180, f"machine {self.number} boots: {self._state()}")

    def _state(self) -> str:
        return self.run("systemctl is-system-running", check=False).strip()

    def _plug_in(self) -> None:
        _ip("link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", str(self._init))
        _ip("link", "set", self._port, "master", _BRIDGE, "up")
        for line in (
            "link set lo up",
            "link set eth0 up",
            f"addr add {self.address}/24 dev eth0",
            f"route add default via {GATEWAY}",
        ):
            engine.run(["nsenter", "-t", str(self._init), "--net", "ip", *line.split()], _ENVIRONMENT, 10)

    def run(self, script: str, *, check: bool = True, timeout: float = 600.0) -> str:
        """What the lines of a shell script print; the first that fails ends it. They run in /root."""
        enter = [
            "nsenter",
            "-t",
            str(self._init),
            "--all",
            *_INSIDE,
            "bash",
            "-euo",
            "pipefail",
            "-c",
            f"cd /root\n{script}",
        ]
        done = subprocess.run(
            enter, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )
        assert not check or done.returncode == 0, (
            f"machine {self.number}: {script}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
        return done.stdout

    @property
    def root(self) -> Path:
        """Its files, as seen from here."""
        return Path(f"/proc/{self._init}/root") if self._process else self._disk

    def cut_power(self, *, lose_disk: bool = False) -> None:
        """Everything in it is gone at once: its wire first, else the kernel would close the connections of the dead."""
        if self._process is not None:
            subprocess.run(["ip", "link", "delete", self._port], env=_ENVIRONMENT, capture_output=True)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init, 9)
            self._process.wait(30)
            self._process = None
        if lose_disk:
            shutil.rmtree(self.folder, ignore_errors=True)

    def forget(self) -> None:
        """Remove its control groups, the innermost first. Its processes are gone."""
        for folder, _, _ in os.walk(self._group, topdown=False):
            os.rmdir(folder)


def _ip(*arguments: str) -> None:
    engine.run(["ip", *arguments], _ENVIRONMENT, 10)


def make_debian(folder: Path) -> Path:
    """A Debian as an installer leaves it: small, with systemd."""
    root = folder / "debian"
    engine.run(
        ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)],
        {**os.environ, **_ENVIRONMENT},
        900,
    )
    (root / "etc/systemd/system/console-getty.service").symlink_to("/dev/null")  # nobody sits at it
    return root


@contextlib.contextmanager
def network() -> Iterator[None]:
    """The wire between the machines of the block, with a way out through this machine."""
    forward = _FORWARD.read_text()
    _ip("link", "add", _BRIDGE, "type", "bridge")
    try:
        _ip("addr", "add", f"{GATEWAY}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        _FORWARD.write_text("1")
        engine.run(["iptables", "-t", "nat", "-A", *_NAT], _ENVIRONMENT, 10)
        yield
    finally:
        subprocess.run(["iptables", "-t", "nat", "-D", *_NAT], env=_ENVIRONMENT, capture_output=True)
        _FORWARD.write_text(forward)
        _ip("link", "delete", _BRIDGE)


@contextlib.contextmanager
def machines(count: int) -> Iterator[list[Machine]]:
    """So many machines, not started. They, their disks and their network are gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="tweetream-machines-", dir="/tmp"))
    made: list[Machine] = []
    try:
        with network():
            shared = make_debian(folder)
            made = [Machine(number, shared, folder) for number in range(1, count + 1)]
            yield made
    finally:
        for machine in made:
            machine.cut_power()
            machine.forget()
        shutil.rmtree(folder)
