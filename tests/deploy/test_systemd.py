"""The units of deploy/systemd: systemd takes them, they are hardened, and the settings they give are settings."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.paths import DOCS, ROOT
from support.settings import nothing_set

from tweetream.engine.worker import PATIENCE
from tweetream.models.messages import PREFIX
from tweetream.settings import Settings, load
from tweetream.web.limits import SPARE_FILES

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = ("tweetream@.service", "tweetream-archive.service", "kafka.service")
EXPOSURE = 2.0  # of systemd-analyze: 0 is nothing at all, 10 everything


def value(unit: str, name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", (FOLDER / unit).read_text(), re.MULTILINE)
    return str(found)


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which each program is one that there is."""
    folder = tmp_path_factory.mktemp("units")
    for path in FOLDER.iterdir():
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
        (folder / path.name).write_text(text)
    shutil.move(folder / "tweetream@.service", folder / "tweetream@6066.service")
    return folder


@pytest.mark.systemd
@pytest.mark.parametrize("name", SERVICES)
def test_systemd_takes_a_unit_and_finds_it_hardened(units: Path, name: str) -> None:
    path = units / name.replace("@.", "@6066.")
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if path.name in line] == []
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", str(FOLDER / name)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout.splitlines()[-1:]


def test_the_settings_that_the_units_give_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_set(monkeypatch, tmp_path)
    lines = (FOLDER / "tweetream.env").read_text().splitlines()
    for line in lines:
        if not line.startswith("#"):
            monkeypatch.setenv(*line.split("=", 1))
    for name, given in re.findall(rf"({PREFIX}\w+)=(\S+)", value("tweetream@.service", "Environment")):
        monkeypatch.setenv(name, given.replace("%i", "6066"))
    settings = load()
    assert len(settings.bootstrap) == 3 and settings.web_port == 6066
    assert settings.data_dir == Path("/var/lib/tweetream/6066")
    assert value("tweetream@.service", "StateDirectory") == "tweetream/%i", "each worker has a folder of its own"


def test_a_worker_gets_the_files_and_the_time_to_stop_that_it_needs() -> None:
    unit = "tweetream@.service"
    assert int(value(unit, "LimitNOFILE")) >= Settings.model_fields["max_streams"].default + SPARE_FILES
    assert float(value(unit, "TimeoutStopSec").removesuffix("s")) > 2 * PATIENCE
    assert value(unit, "Restart") == "always" and value(unit, "StartLimitIntervalSec") == "0"


def test_the_brokers_lose_nothing_with_one_of_three() -> None:
    text = (FOLDER / "server.properties").read_text()
    properties = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    assert len(properties["controller.quorum.voters"].split(",")) == 3
    assert properties["min.insync.replicas"] == "2" and properties["auto.create.topics.enable"] == "false"
    assert {value for name, value in properties.items() if "replication.factor" in name} == {"3"}


def test_every_file_that_the_way_of_installation_names_is_there() -> None:
    text = (DOCS / "install.md").read_text()
    named = set(re.findall(r"(?<!tests/)deploy/[\w./@-]+\w", text))
    assert {f"deploy/systemd/{path.name}" for path in FOLDER.iterdir()} <= named
    assert [path for path in named if not (ROOT / path).exists()] == []
