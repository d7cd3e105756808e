"""What the page carries of others: named with version and licence, and byte for byte what their authors published."""

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from support.paths import STATIC

FOLDER = STATIC / "vendor"
VENDORED: list[dict[str, Any]] = json.loads((FOLDER / "vendor.json").read_text())
OURS = {".html", ".css", ".js", ".svg"}
FILES = {file["file"]: file["sha256"] for package in VENDORED for file in package["files"]}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_each_vendored_file_is_the_one_recorded() -> None:
    assert FILES
    assert {name: digest((FOLDER / name).read_bytes()) for name in FILES} == FILES


def test_a_vendored_package_is_named_with_its_licence_and_the_licences_text() -> None:
    for package in VENDORED:
        assert set(package) == {"name", "version", "licence", "why", "files"}
        (licence,) = [file["file"] for file in package["files"] if file["file"].endswith(".LICENSE")]
        assert package["licence"] in (FOLDER / licence).read_text()


def test_the_folder_holds_what_is_recorded_and_nothing_else() -> None:
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()} == {
        "vendor.json",
        *FILES,
    }


def test_no_file_of_others_stands_outside_the_folder() -> None:
    """Ours say nothing of a licence of their own; a file of others does, or is no file of ours by its suffix."""
    others = {
        path.relative_to(STATIC).as_posix()
        for path in STATIC.rglob("*")
        if path.is_file() and not path.is_relative_to(FOLDER)
        if path.suffix not in OURS or "All rights reserved" in path.read_text() or "(c)" in path.read_text()
    }
    assert others == set()


@pytest.mark.node
@pytest.mark.parametrize("package", VENDORED, ids=lambda package: package["name"])
def test_a_vendored_file_is_what_npm_has_of_that_version(package: dict[str, Any], tmp_path: Path) -> None:
    command = ["npm", "pack", "--silent", f"{package['name']}@{package['version']}"]
    done = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tgz")
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
        published: dict[str, Any] = {
            member.name: tar.extractfile(member) for member in tar.getmembers() if member.isfile()
        }
        about = json.loads(published["package/package.json"].read())
        assert [about[key] for key in ("name", "version", "license")] == [
            package[key] for key in ("name", "version", "licence")
        ]
        for file in package["files"]:
            assert published[f"package/{file['from']}"].read() == (FOLDER / file["file"]).read_bytes()
