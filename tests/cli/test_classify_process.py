"""`tweetream classify` as a process: pipes, terminals, signals, memory and a full disk."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.terminal import terminal

COMMAND = [sys.executable, "-m", "tweetream", "classify"]


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}


def test_a_line_too_long_is_a_bad_row_and_costs_no_more_than_itself(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("macet\n" + "a" * 30_000_000 + "\nrezeki\n", "utf-8")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2); "
    code = f"{limit}from tweetream.cli.main import main; main()"
    command = [sys.executable, "-c", code, "classify", "--model", str(model), str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, env=clean() | {"OMP_NUM_THREADS": "1"})
    assert done.stderr.decode() == "tweetream: 1 of 3 rows could not be classified and have an empty label\n"
    *_, long, last = done.stdout.splitlines()
    assert long.startswith(b",,,m") and last.startswith(b"rezeki,talk,")


def test_a_full_disk_and_closed_streams_are_one_line(model: Path) -> None:
    for redirect, reason in (("> /dev/full", "cannot be written"), (">&-", "is closed"), ("<&-", "is closed")):
        line = f'printf "macet\\n" | {sys.executable} -m tweetream classify --model {model} {redirect}'
        line = line.removeprefix('printf "macet\\n" | ') if redirect == "<&-" else line
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, env=clean())
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and reason in done.stderr, redirect


def test_a_reader_that_goes_away_ends_it_without_a_traceback(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("macet kata1\n" * 50_000, "utf-8")
    with subprocess.Popen(
        [*COMMAND, "--model", str(model), str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean()
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"text,label,score,model,model_sha256\n"
        process.stdout.close()
        assert process.wait(30) == 1
        assert process.stderr.read() == b""


def test_a_terminal_sees_a_progress_bar_and_a_pipe_none(
    tweetream: Callable[..., subprocess.CompletedProcess[bytes]],
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("macet kata1\n" * 5_000, "utf-8")
    assert tweetream("classify", "--model", model, path).stderr == b""
    with terminal() as (stream, seen), monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        assert tweetream("classify", "--model", model, path).returncode == 0
    assert b"classify" in seen and b"%" in seen


def test_memory_does_not_grow_with_the_file(model: Path, tmp_path: Path) -> None:
    """A file of a year's posts must not need a machine of its size."""
    paths = []
    for lines in (2_000, 200_000):
        paths.append(tmp_path / f"{lines}.txt")
        paths[-1].write_text("".join(f"macet kata{i} lain{i}\n" for i in range(lines)), "utf-8")
    code = (
        "import resource, sys; from tweetream.cli.main import main\n"
        "for path in sys.argv[2:]:\n"
        "    try: main(['classify', '--model', sys.argv[1], path])\n"
        "    except SystemExit as ended: assert ended.code == 0\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, str(model), *map(str, paths)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=clean(), timeout=120)
    few, many = map(int, done.stderr.split())
    assert many < few + 40_000, f"KiB: {few}, {many}"


def test_rows_come_out_before_the_input_ends_and_an_interrupt_ends_it_without_a_traceback(model: Path) -> None:
    """Posts that are piped in live must not wait for a full buffer or the end."""
    with subprocess.Popen(
        [*COMMAND, "--model", str(model)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean(),
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(b"macet\n" * 1_000)
        process.stdin.flush()
        assert process.stdout.readline() == b"text,label,score,model,model_sha256\n"
        assert process.stdout.readline().startswith(b"macet,traffic,")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b""
