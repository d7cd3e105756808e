"""Settings of a test alone: nothing in the environment, no `.env` but its own."""

import os
from pathlib import Path

import pytest

from tweetream.models.messages import PREFIX
from tweetream.settings import load


def nothing_set(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Unset every setting, and work in this empty folder."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(folder)


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which load() ends."""
    with pytest.raises(SystemExit) as end:
        load()
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("tweetream: ") and err.count("\n") == 1 and err.endswith("\n")
    return err
