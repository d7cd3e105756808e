"""What is installed is locked by hashes, images by digests, and each release has a bill of materials."""

import json
import re
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML
from support.paths import ROOT

sys.path.append(str(ROOT))
from deploy.sbom import bill_of_materials  # noqa: E402  # it is no package of ours

LOCKS = ROOT / "requirements"


def pins(name: str) -> dict[str, list[Requirement]]:
    """The packages of a lock file, with their pins: another one for another Python, at times."""
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(r"^[a-zA-Z].*?(?= \\$)", (LOCKS / name).read_text(), re.MULTILINE):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def wanted(*extras: str) -> list[Requirement]:
    """The ranges of setup.cfg."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lists = [parser["options"]["install_requires"], *[parser["options.extras_require"][extra] for extra in extras]]
    lines = [line for text in lists for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [Requirement(line) for line in lines if not line.startswith("tweetream")]


@pytest.mark.parametrize(
    ("lock", "extras"), [("worker.txt", ()), ("demo.txt", ("demo",)), ("develop.txt", ("demo", "test"))]
)
def test_a_lock_has_every_package_of_setup_cfg_within_its_range(lock: str, extras: tuple[str, ...]) -> None:
    locked = pins(lock)
    for requirement in wanted(*extras):
        found = locked.get(canonicalize_name(requirement.name), [])
        versions = [str(pin.specifier).removeprefix("==") for pin in found]
        assert versions and all(map(requirement.specifier.contains, versions)), f"{requirement}: run make lock"


@pytest.mark.parametrize("lock", ["worker.txt", "demo.txt", "develop.txt", "build.txt"])
def test_a_lock_has_hashes_alone_and_no_registry(lock: str) -> None:
    text = (LOCKS / lock).read_text()
    blocks = re.split(r"\n(?=[a-zA-Z])", text)[1:]
    assert blocks and len(blocks) == sum(map(len, pins(lock).values()))
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", block) for block in blocks)
    assert "://" not in text and "index" not in text


def test_what_an_image_has_is_what_the_tests_ran_with() -> None:
    tested = pins("develop.txt")
    for lock in ("worker.txt", "demo.txt", "build.txt"):
        for name, found in pins(lock).items():
            assert {str(pin.specifier) for pin in found} == {str(pin.specifier) for pin in tested[name]}, name


@pytest.mark.parametrize("file", ["Dockerfile", "Makefile", ".ci/run"])
def test_nothing_is_installed_without_its_hash(file: str) -> None:
    text = (ROOT / file).read_text().replace("\\\n", " ")
    installs = [command for command in re.split(r"&&|\n", text) if re.search(r"pip (install|wheel)\b", command)]
    assert installs or file == ".ci/run"
    for command in installs:
        assert "--require-hashes" in command or "--no-deps" in command, command


def images() -> list[str]:
    """The images that the Dockerfile and the compose file name, but for the one they make."""
    compose: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
    named = [service["image"] for service in compose["services"].values() if "build" not in service]
    return named + re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_every_image_is_pinned_by_its_digest() -> None:
    assert len(images()) == 4
    for image in images():
        assert re.fullmatch(r"[a-z/]+:[0-9a-z.-]+@sha256:[0-9a-f]{64}", image), image


def test_the_bill_of_materials_is_valid_and_names_what_is_locked() -> None:
    # Seconds of work that only this test needs.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    bill = bill_of_materials()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    named = {(part["name"], part["version"]) for part in bill["components"]}
    locked = {(name, str(pin.specifier)[2:]) for name, found in pins("worker.txt").items() for pin in found}
    assert locked <= {(canonicalize_name(name), version) for name, version in named} and ("uplot", "1.6.32") in named
    assert bill["metadata"]["component"]["name"] == "tweetream"
    assert bill == bill_of_materials(), "the same files give the same bill"
    assert str(Path.home()) not in json.dumps(bill)
