"""What docs/install.md downloads and copies, for machines that reach no site of Apache's and no release of ours.

Kafka's archive is made of its Maven artifacts, with programs of the same names; a server with a certificate has it at
the address that the text names. The wheel is built from this checkout.
"""

import functools
import hashlib
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
from collections.abc import Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self

from support.debian.machines import GATEWAY, Machine
from support.docker.deployment import copy_checkout
from support.kafka import jars
from support.kafka.certificates import Authority
from support.paths import ROOT
from typing_extensions import override

HOST, RELEASE = "downloads.apache.org", "kafka_2.13-4.3.1"
TOOLS = {
    "kafka-server-start.sh": "kafka.Kafka",
    "kafka-storage.sh": "kafka.tools.StorageTool",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-features.sh": "org.apache.kafka.tools.FeatureCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}
_PROGRAM = """#!/bin/sh
here=$(dirname "$0")/..
log="-Dlog4j2.configurationFile=$here/config/{log}.yaml"
exec java ${{KAFKA_HEAP_OPTS:--Xmx256m}} "$log" -cp "$here/libs/*" {main} "$@"
"""


class Server(ThreadingHTTPServer):
    """Serves Kafka's release; for a `with` block."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._make_release(folder / "kafka" / "4.3.1")
        super().__init__((GATEWAY, 443), functools.partial(_Files, directory=str(folder)))
        certificate, key, _ = authority.issue(HOST, None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def _make_release(self, folder: Path) -> None:
        jars.fetch()
        release = folder / RELEASE
        (release / "bin").mkdir(parents=True)
        (release / "libs").symlink_to(jars.LIBS)
        (release / "config").mkdir()
        for log in ("log4j2", "tools-log4j2"):
            shutil.copy(ROOT / "tests" / "support" / "docker" / "kafka" / "docker" / f"{log}.yaml", release / "config")
        for name, main in TOOLS.items():
            log = "log4j2" if main == "kafka.Kafka" else "tools-log4j2"
            (release / "bin" / name).write_text(_PROGRAM.format(main=main, log=log))
            (release / "bin" / name).chmod(0o755)
        archive = folder / f"{RELEASE}.tgz"
        with tarfile.open(archive, "w:gz", compresslevel=1, dereference=True) as tar:
            tar.add(release, RELEASE, filter=_for_all)
        shutil.rmtree(release)
        (folder / f"{RELEASE}.tgz.sha512").write_text(_as_gpg_prints(archive))

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def _for_all(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Everybody may read it, as in the true archive."""
    member.mode |= 0o755 if member.isdir() else 0o644
    return member


class _Files(SimpleHTTPRequestHandler):
    @override
    def log_message(self, *_: object) -> None:
        pass


def _as_gpg_prints(archive: Path) -> str:
    """The file of a sum as Apache publishes it: groups of eight capital figures, on several lines."""
    sum = hashlib.sha512(archive.read_bytes()).hexdigest().upper()
    groups = [sum[i : i + 8] for i in range(0, len(sum), 8)]
    lines = [" ".join(groups[i : i + 4]) for i in range(0, len(groups), 4)]
    return f"{archive.name}: " + "\n                      ".join(lines) + "\n"


class Supply(NamedTuple):
    """What is on a machine before the first command: names, trust, the checkout, the release, posts."""

    authority: Authority
    wheel: Path
    posts: Path
    hosts: Mapping[str, str]  # names by their address; each gets a certificate

    def give(self, machine: Machine) -> None:
        """Put it on the machine's disk."""
        root, home = machine.root, machine.root / "root"
        trusted = root / "usr/local/share/ca-certificates"
        for folder in (home, root / "etc", root / "srv", trusted):
            folder.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        known = {"127.0.0.1": "localhost", GATEWAY: HOST, **self.hosts}
        (root / "etc/hosts").write_text("".join(f"{address} {name}\n" for address, name in known.items()))
        shutil.copy("/etc/resolv.conf", root / "etc")
        (root / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
        shutil.copy(self.authority.cafile, trusted / "stand-in.crt")
        for own in Path("/usr/local/share/ca-certificates").glob("*.crt"):
            shutil.copy(own, trusted)
        if name := self.hosts.get(machine.address):
            for file in self.authority.issue(name, None)[:2]:
                shutil.copy(file, root / "etc")
                (root / "etc" / file.name).chmod(0o644)
        copy_checkout(home)
        shutil.copy(self.wheel, home)
        shutil.copy(ROOT / "requirements" / "worker.txt", home)
        shutil.copy(self.posts, root / "srv")


def build_wheel(folder: Path) -> Path:
    """The wheel of a release, as `make wheel` makes it."""
    copy, out = folder / "copy", folder / "dist"
    copy_checkout(copy)
    out.mkdir()
    program = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=copy, check=True, capture_output=True)
    (made,) = out.iterdir()
    return made
