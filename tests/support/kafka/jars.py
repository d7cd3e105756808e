"""Apache Kafka's jars, as pom.xml beside this file names them: fetched once by Maven into `.kafka/libs`."""

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.paths import ROOT

CACHE = ROOT / ".kafka"
LIBS = CACHE / "libs"
POM = Path(__file__).with_name("pom.xml")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class ApacheKafkaError(Exception):
    """It does not run; one line that says why."""


def missing() -> str | None:
    """One line naming what is not installed; None when Apache Kafka can run here."""
    tools = ["java"] if _fetched() else ["java", "mvn"]
    absent = [tool for tool in tools if shutil.which(tool) is None]
    if not absent:
        return None
    return f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed"


def fetch() -> None:
    """Have the jars in LIBS. Several processes may call it at once: one fetches, the others wait for it."""
    if _fetched():
        return
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _fetched():
            return
        new = Path(tempfile.mkdtemp(prefix="fetching-", dir=CACHE))
        try:
            _copy_jars(new)
            shutil.rmtree(LIBS, ignore_errors=True)  # of another version
            new.rename(LIBS)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _fetched() -> bool:
    """Whether LIBS holds what the pom of today asks for: the pom they were fetched with lies among the jars."""
    kept = LIBS / POM.name
    return kept.exists() and kept.read_bytes() == POM.read_bytes()


def _copy_jars(folder: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(POM), COPY, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError as error:
        raise ApacheKafkaError(f"Apache Kafka cannot be fetched: {error}") from error
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() + done.stderr.splitlines() if "ERROR" in line]
        raise ApacheKafkaError(f"Apache Kafka cannot be fetched by Maven: {(lines or ['it says nothing'])[0]}")
    shutil.copy(POM, folder)
