"""Apache Kafka's jars, as the poms beside this file name them: fetched once by Maven into folders of `.kafka`."""

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.paths import ROOT

CACHE = ROOT / ".kafka"
LIBS = CACHE / "libs"
POM = Path(__file__).with_name("pom.xml")
CONNECT, CONNECT_POM = CACHE / "connect", Path(__file__).with_name("connect-pom.xml")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class ApacheKafkaError(Exception):
    """It does not run; one line that says why."""


def missing() -> str | None:
    """One line naming what is not installed; None when Apache Kafka can run here."""
    tools = ["java"] if _fetched(LIBS, POM) else ["java", "mvn"]
    absent = [tool for tool in tools if shutil.which(tool) is None]
    if not absent:
        return None
    return f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed"


def fetch(libs: Path | None = None, pom: Path = POM) -> None:
    """Have the jars of a pom in a folder. Several processes may call it at once: one fetches, the others wait."""
    libs = libs or LIBS
    if _fetched(libs, pom):
        return
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _fetched(libs, pom):
            return
        new = Path(tempfile.mkdtemp(prefix="fetching-", dir=CACHE))
        try:
            _copy_jars(new, pom)
            shutil.rmtree(libs, ignore_errors=True)  # of another version
            new.rename(libs)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _fetched(libs: Path, pom: Path) -> bool:
    """Whether the folder holds what the pom of today asks for: the pom they were fetched with lies among the jars."""
    kept = libs / pom.name
    return kept.exists() and kept.read_bytes() == pom.read_bytes()


def _copy_jars(folder: Path, pom: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(pom), COPY, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError as error:
        raise ApacheKafkaError(f"Apache Kafka cannot be fetched: {error}") from error
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() + done.stderr.splitlines() if "ERROR" in line]
        raise ApacheKafkaError(f"Apache Kafka cannot be fetched by Maven: {(lines or ['it says nothing'])[0]}")
    shutil.copy(pom, folder)
