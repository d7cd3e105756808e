"""Java's archive of the classes that a broker loads, kept in `.kafka`: with it a start takes half the time and CPU.

It holds for one set of jars in one place, and for one Java; where Java finds that it does not fit, it goes on without.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from support.kafka.jars import CACHE, LIBS, POM


def archived(make: Callable[[Path], None]) -> list[str]:
    """The option that names the archive; none when there is none. `make` starts a broker that writes a new one.

    Several processes may ask at once: one makes it, the others wait for it.
    """
    java = Path(os.path.realpath(shutil.which("java") or "java"))
    built = str(java.stat().st_mtime_ns) if java.exists() else ""
    made_of = [POM.read_text(), str(LIBS.resolve()), str((LIBS / POM.name).stat().st_mtime_ns), str(java), built]
    made = CACHE / f"classes-{hashlib.sha256('|'.join(made_of).encode()).hexdigest()[:16]}.jsa"
    with (CACHE / "classes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with tempfile.TemporaryDirectory(prefix="archiving-", dir=CACHE) as folder:
                new = Path(folder) / made.name
                make(new)
                if new.exists():
                    new.rename(made)
    return [f"-XX:SharedArchiveFile={made}"] if made.exists() else []
