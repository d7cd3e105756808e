"""No command breaks off since the terminal cannot show a letter, or since the terminal goes away."""

import os
import subprocess
import sys

import pytest

from tweetream.cli import demo

ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(*words: str, given: str = "") -> "subprocess.CompletedProcess[bytes]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    return subprocess.run(
        [sys.executable, "-m", "tweetream", *words],
        env=clean | ASCII | {"TWEETREAM_WEB_HOST": "::zz" if words[0] == "demo" and len(words) == 1 else "::1"},
        input=given.encode(), capture_output=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--help",), 0), (("train", "--help"), 0), (("worker", "--help"), 0), (("explain", "macet \N{POLICE CAR}"), 0),
        (("classify", "--output-format", "jsonl"), 0), (("token", "jo\N{LATIN SMALL LETTER E WITH ACUTE}"), 2),
        (("topics", "list", "--url", "http://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.invalid"), 2),
        (("classify", "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.txt"), 2), (("demo",), 2),
    ],
)  # fmt: skip
def test_an_ascii_terminal_gets_escapes_and_no_traceback(words: tuple[str, ...], status: int) -> None:
    done = run(*words, given="macet \N{POLICE CAR} \N{HORIZONTAL ELLIPSIS}\n")
    assert done.returncode == status, done.stderr
    assert b"Traceback" not in done.stderr and (status == 0 or done.stderr.startswith(b"tweetream: "))


class Worker:
    """A worker that says this on standard error, and has ended."""

    def __init__(self, said: bytes) -> None:
        read, write = os.pipe()
        os.write(write, said)
        os.close(write)
        self.stderr = os.fdopen(read, "rb")


@pytest.mark.parametrize(
    ("said", "passed", "reason"),
    [
        (b"", "", ""),
        (b"tweetream: it is so\n", "", "it is so"),
        (b"[W] waiting\ntweetream: no luck\n", "[W] waiting\n", "no luck"),
        (b"tweetream: a note\n[W] waiting\n", "tweetream: a note\n[W] waiting\n", ""),
        (b"tweetream: a note\ntweetream: the end", "tweetream: a note\n", "the end"),
        (b"\xff\n", "\ufffd\n", ""),
    ],
)
def test_the_workers_last_line_is_the_reason_and_the_others_pass(
    said: bytes, passed: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = demo.LastLine(Worker(said))  # type: ignore[arg-type]
    assert lines.end() == reason
    assert capsys.readouterr().err == passed


def test_an_address_that_a_phone_can_open_is_no_loopback() -> None:
    for host in ("0.0.0.0", "::"):
        assert not demo.own_address(host).startswith(("127.", "::1"))
