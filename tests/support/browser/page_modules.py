"""The page's modules, run by Node as they are: those that need no document."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from support.paths import STATIC


def run(folder: Path, script: str) -> Any:
    """What `script`, an ES module beside the page's own in `folder`, prints as JSON."""
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')  # older Nodes take a plain .js for CommonJS
    for path in STATIC.glob("*.js"):
        shutil.copy(path, folder)
    (folder / "script.js").write_text(script)
    done = subprocess.run(["node", "script.js"], cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
