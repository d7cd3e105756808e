"""A small model, and subcommands that run in this process.

A process of its own needs seconds to import scikit-learn: start one only for pipes, signals, memory and the like.
"""

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.training import save, train
from tweetream.cli.main import main


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model: what has `macet` is traffic."""
    posts = [LabelledPost(f"macet kata{i % 7} nomor{i % 5}", "traffic") for i in range(40)]
    posts += [LabelledPost(f"rezeki kata{i % 7} nomor{i % 5}", "talk") for i in range(40)]
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    save(train([post._replace(text=f"{post.text} x{i}") for i, post in enumerate(posts)], "words-svm"), path)
    return path


@pytest.fixture
def tweetream(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., CompletedProcess[bytes]]]:
    """Runs `tweetream ARGUMENT…` with only the given settings, by their names without TWEETREAM_."""
    limit = csv.field_size_limit()  # classify raises it for the whole process
    for name in [name for name in os.environ if name.startswith("TWEETREAM_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str | Path, stdin: bytes = b"", **settings: str) -> CompletedProcess[bytes]:
        capfdbinary.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            for name, value in settings.items():
                patch.setenv(f"TWEETREAM_{name}", value)
            with pytest.raises(SystemExit) as ended:
                main([str(argument) for argument in arguments])
        written = capfdbinary.readouterr()
        assert isinstance(ended.value.code, int)
        return CompletedProcess(arguments, ended.value.code, written.out, written.err)

    yield run
    csv.field_size_limit(limit)
