"""What happens when our modules are imported: nothing but definitions. And where they may be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

PROGRAM = """
import importlib, pkgutil, sys, threading

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import tweetream
from tweetream.feeds.hub import Hub
from tweetream.kafka.compacted import CompactedReader
from tweetream.kafka.producer import OrderedProducer

made = []
for service in (Hub, CompactedReader, OrderedProducer):
    def init(self, *args, **kwargs):
        made.append(type(self).__name__)
    service.__init__ = init
for found in pkgutil.walk_packages(tweetream.__path__, "tweetream."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
ours = {path for path in opened if path.startswith(ROOT) and not path.endswith((".py", ".pyc"))}
ours = {path for path in ours if ".venv" not in path and ".egg-info" not in path}
print(sorted(ours), made, threading.active_count())
"""


@pytest.mark.process
def test_importing_every_module_reads_no_file_and_makes_no_service(tmp_path: Path) -> None:
    """Only the settings are read, from the environment and `.env`: Faust takes the application from tweetream.app."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    command = [sys.executable, "-B", "-c", f"ROOT = {str(ROOT)!r}\n{PROGRAM}"]
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[] [] 1\n", "")


def test_the_root_of_the_package_is_small() -> None:
    modules = {path.name for path in (ROOT / "tweetream").glob("*.py")} - {"__init__.py"}
    assert len(modules) <= 8, modules


HELP = """
import resource, sys
from tweetream.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
heavy = {"aiohttp", "aiokafka", "faust", "numpy", "pydantic", "sklearn"} & set(sys.modules)
used = resource.getrusage(resource.RUSAGE_SELF)
print(sorted(heavy), used.ru_utime + used.ru_stime, file=sys.stderr)
"""


@pytest.mark.process
def test_help_is_there_within_a_third_of_a_second() -> None:
    """Of CPU, with the start of Python: other programs may run beside the tests."""
    done = subprocess.run([sys.executable, "-c", HELP], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    heavy, _, seconds = done.stderr.decode().rpartition(" ")
    assert b"worker" in done.stdout and heavy == "[]" and float(seconds) < 0.3
