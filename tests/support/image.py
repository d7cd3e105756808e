"""The Dockerfile's steps without a container engine: each COPY and RUN, with a folder in the place of `/`.

Knows the instructions that our Dockerfile uses and fails on any other. What only an engine can do is left out: the
base image (its Python is the one that runs the tests), owners of files, the user. Whatever path of the image a step
names is put below the folder; so a step that needs what no earlier step has made fails here too.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from support.paths import ROOT, TESTS

DOCKERFILE = ROOT / "Dockerfile"
INSTALLED = TESTS / "support" / "installed.py"
_INSTALL = re.compile(r"(\S+)/bin/pip install [^&]*?-r (\S+)")  # of a lock file
_PATH = re.compile(r"(?<![\w./:-])/(?:opt|src|var|data|root|archive)\b")
_KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "CMD"}


def instructions(text: str) -> list[tuple[str, str]]:
    """Name and rest of each instruction, continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    found = [line.partition(" ") for line in lines.splitlines() if line.strip()]
    assert {name for name, _, _ in found} <= _KNOWN, "the test does not know this instruction"
    return [(name, rest.strip()) for name, _, rest in found]


def in_context(path: str) -> bool:
    """Whether `.dockerignore` leaves this file of the repository to a build."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.startswith("!")
        names = [str(PurePosixPath(*path.split("/")[:depth])) for depth in range(1, path.count("/") + 2)]
        if any(_matches(name, pattern.removeprefix("!")) for name in names):
            kept = wanted
    return kept


def _matches(name: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(name.rpartition("/")[2], pattern.removeprefix("**/"))
    return "/" not in name and fnmatch(name, pattern)


def context() -> Iterator[str]:
    """The files of the repository that a build gets."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return (path for path in listed.splitlines() if in_context(path))


@dataclass
class Stage:
    """One FROM: its folder and what its instructions have set."""

    root: Path
    env: dict[str, str]
    workdir: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def within(self, text: str) -> str:
        """The text with each path of the image put below the folder."""
        return _PATH.sub(lambda match: f"{self.root}{match[0]}", text)

    def environment(self) -> dict[str, str]:
        return {name: self.within(value) for name, value in self.env.items()}

    def run(self, command: list[str], timeout: float) -> "subprocess.CompletedProcess[str]":
        """A program of the stage, found as the image finds it."""
        program = shutil.which(command[0], path=self.environment()["PATH"])
        assert program, f"{command[0]} is not in the image"
        return subprocess.run(
            [program, *command[1:]],
            env=self.environment(),
            cwd=self.within(self.workdir),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )


def build(folder: Path, pip: bool = False) -> Stage:
    """Do what the Dockerfile says; the last stage.

    What it installs from a lock file is linked to the environment of the tests; `pip` has pip itself do it.
    """
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for name, rest in instructions(DOCKERFILE.read_text()):
        if name == "FROM":
            alias = rest.partition(" AS ")[2] or f"stage {len(stages)}"
            stage = stages[alias] = _from_scratch(folder / alias.replace(" ", "-"))
        else:
            assert stage is not None
            _do(stage, name, rest, stages, pip)
    assert stage is not None
    return stage


def _from_scratch(root: Path) -> Stage:
    """What python:…-slim gives: a shell, a Python, no compiler."""
    python = root / "usr-bin"
    python.mkdir(parents=True)
    base = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    (python / "python").symlink_to(base)
    for program in ("sh", "mkdir"):
        (python / program).symlink_to(os.path.realpath(shutil.which(program) or program))
    reach = re.compile(r"HOME|PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE|(?i:\w+_proxy)")  # what pip needs to get out
    outside = {name: value for name, value in os.environ.items() if reach.fullmatch(name)}
    return Stage(root, {**outside, "PATH": str(python)})


def _do(stage: Stage, name: str, rest: str, stages: dict[str, Stage], pip: bool) -> None:
    if name == "WORKDIR":
        stage.workdir = rest
        Path(stage.within(rest)).mkdir(parents=True, exist_ok=True)
    elif name == "COPY":
        _copy(stage, shlex.split(rest), stages)
    elif name == "RUN":
        command = re.sub(r"^(--mount=\S+\s+)+", "", rest)
        command = stage.within(command)
        if not pip:
            command = _INSTALL.sub(rf"{sys.executable} {INSTALLED} \1 \2", command)
        done = stage.run(["sh", "-c", command], timeout=900)
        assert done.returncode == 0, done.stderr[-2000:]
    elif name == "ENV":
        for setting in shlex.split(rest):
            key, _, value = setting.partition("=")
            stage.env[key] = value.replace("$PATH", stage.env["PATH"])
    elif name == "USER":
        stage.user = rest
    elif name == "HEALTHCHECK":
        stage.health = json.loads(rest.partition("CMD")[2])
    elif name == "CMD":
        stage.command = json.loads(rest)


def _copy(stage: Stage, words: list[str], stages: dict[str, Stage]) -> None:
    options = dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    place = Path(stage.within(stage.workdir)) / stage.within(target)
    if "from" in options:
        (source,) = sources
        shutil.copytree(stages[options["from"]].within(source), place, symlinks=True)
        _move(place, stages[options["from"]].root, stage.root)
        return
    files = list(context())
    for source in sources:
        found = [path for path in files if path == source or path.startswith(f"{source}/")]
        assert found, f"{source} is not in what a build gets"
        for path in found:
            inside = path.removeprefix(f"{source}/") if path != source else (source if len(sources) > 1 else "")
            (place / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, place / inside)


def _move(place: Path, old: Path, new: Path) -> None:
    """Scripts of a virtual environment name its path; in an image it is the same in every stage."""
    for script in place.glob("bin/*"):
        if script.is_file() and not script.is_symlink() and str(old).encode() in (text := script.read_bytes()):
            script.write_bytes(text.replace(str(old).encode(), str(new).encode()))
