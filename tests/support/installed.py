"""`installed.py FOLDER LOCK`: what `pip install -r LOCK` gives the virtual environment FOLDER, without pip's work.

The packages are links to those of the environment that runs the tests: it has those of every lock file, by the same
hashes. A package that is not there in the version of the lock ends it. Limits: modules and data alone, no scripts.
"""

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement


def install(folder: Path, lock: Path) -> None:
    (place,) = folder.glob("lib/python*/site-packages")
    for line in re.findall(r"^[a-zA-Z].*?(?= \\$)", lock.read_text(), re.MULTILINE):
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        found = distribution(wanted.name)
        if not wanted.specifier.contains(found.version):
            raise SystemExit(f"{line} is wanted, {found.version} is installed")
        for file in found.files or ():
            if ".." not in file.parts:
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                (place / file).unlink(missing_ok=True)  # a new environment may have another version of setuptools
                (place / file).symlink_to(str(found.locate_file(file)))


if __name__ == "__main__":
    install(Path(sys.argv[1]), Path(sys.argv[2]))
