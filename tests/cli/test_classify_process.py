"""`tweetream classify` as a process: pipes, terminals, signals, memory and a full disk."""

import os
import pty
import subprocess
import sys
import termios
import threading
from pathlib import Path

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
    assert done.stdout.endswith(b",,\nrezeki,talk," + done.stdout.rpartition(b",")[2])


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
        assert process.stdout.readline() == b"text,label,score\n"
        process.stdout.close()
        assert process.wait(30) == 1
        assert process.stderr.read() == b""


def test_a_terminal_sees_a_progress_bar_and_a_pipe_none(tweetream, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("macet kata1\n" * 5_000, "utf-8")
    assert tweetream("classify", "--model", model, path).stderr == b""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the terminal's other end is closed
                return
            if not part:
                return
            seen.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    subprocess.run(
        [*COMMAND, "--model", str(model), str(path)], stdout=subprocess.DEVNULL, stderr=theirs, env=clean(), timeout=60
    )
    os.close(theirs)
    reader.join(10)
    os.close(ours)
    assert b"classify" in seen and b"%" in seen


def test_memory_does_not_grow_with_the_file(model: Path, tmp_path: Path) -> None:
    """A file of a year's posts must not need a machine of its size."""
    measured = []
    for lines in (2_000, 200_000):
        path = tmp_path / f"{lines}.txt"
        path.write_text("".join(f"macet kata{i} lain{i}\n" for i in range(lines)), "utf-8")
        code = (
            "import resource, sys; from tweetream.cli.main import main\n"
            "try: main(sys.argv[1:])\n"
            "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        command = [sys.executable, "-c", code, "classify", "--model", str(model), str(path)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=clean(), timeout=120)
        measured.append(int(done.stderr.split()[-1]))
    assert measured[1] < measured[0] + 40_000, f"KiB: {measured}"


def test_rows_come_out_before_the_input_ends(model: Path) -> None:
    """Posts that are piped in live must not wait for a full buffer or the end."""
    with subprocess.Popen(
        [*COMMAND, "--model", str(model)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean()
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"macet\n" * 1_000)
        process.stdin.flush()
        assert process.stdout.readline() == b"text,label,score\n"
        assert process.stdout.readline().startswith(b"macet,traffic,")
        process.stdin.close()
