"""The wheel of a release has all that Tweetream is made of, and runs where no checkout is."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.paths import ROOT

from tweetream import __version__

SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "tweetream")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is written into the checkout."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    program = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=copy, check=True, capture_output=True)
    (made,) = out.iterdir()
    return made


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    assert wheel.name == f"tweetream-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    listed = subprocess.run(["git", "ls-files", "tweetream"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(listed.stdout.split()) <= found
    assert {name.split("/")[0] for name in found} == {"tweetream"}


def test_it_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """What it depends on is in the environment of the tests; pip takes the package from the wheel alone."""
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(tmp_path / "installed"), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "installed")}
    program = "import sys; from tweetream.cli.main import main; import tweetream; print(tweetream.__file__); main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "explain", "macet total di kuningan"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path)) and "traffic" in done.stdout
