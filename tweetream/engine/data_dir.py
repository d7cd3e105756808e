"""The data folder of a worker: it belongs to one worker of a namespace at a time. No Faust and no Kafka here."""

import fcntl
from pathlib import Path
from typing import TextIO


class DataDirError(Exception):
    """The data folder cannot be used; the message is one line that says why."""


def claim(folder: Path, namespace: str) -> TextIO:
    """Take the folder for one worker of the namespace, until the returned file is closed. Raises DataDirError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f"{namespace}.lock").open("a")
    except OSError as error:
        raise DataDirError(f"TWEETREAM_DATA_DIR: {folder} cannot be written ({error.strerror or error})") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise DataDirError(
            f"TWEETREAM_DATA_DIR: another worker of {namespace} uses {folder.absolute()}: give each a folder of its own"
        ) from None
    return lock


def make_folder(folder: Path) -> None:
    """Make a folder inside the data folder; a file in its place is removed. Raises DataDirError."""
    try:
        if not folder.is_dir():
            folder.unlink(missing_ok=True)
            folder.mkdir()
    except OSError as error:
        raise DataDirError(f"TWEETREAM_DATA_DIR: {folder} cannot be made ({error.strerror or error})") from None
