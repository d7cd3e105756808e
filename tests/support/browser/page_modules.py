"""The page's modules, run by Node as they are: those that need no document."""

import json
import subprocess
from typing import Any

from support.paths import ROOT


def run(script: str) -> Any:
    """The JSON that `script` prints. It is an ES module and imports the page's own as `#page/FOLDER/NAME.js`."""
    command = ["node", "--input-type=module"]
    done = subprocess.run(command, cwd=ROOT, input=script, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
