"""Writes a release's bill of materials (SBOM, CycloneDX): the locked packages of a worker, and what the page ships.

python deploy/sbom.py OUT.cdx.json
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tweetream import __version__

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "worker.txt"
VENDORED = ROOT / "tweetream" / "web" / "static" / "vendor" / "vendor.json"


def bill_of_materials() -> dict[str, Any]:
    """The bill as JSON. It is the same each time for the same files."""
    tool = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--of", "JSON", str(LOCK)]
    bill: dict[str, Any] = json.loads(subprocess.run(tool, capture_output=True, check=True).stdout)
    bill["components"] += [_of_page(vendored) for vendored in json.loads(VENDORED.read_text())]
    bill["metadata"]["component"] = {
        "type": "application",
        "bom-ref": "tweetream",
        "name": "tweetream",
        "version": __version__,
        "licenses": [{"license": {"id": "MIT"}}],
    }
    references = [component["bom-ref"] for component in bill["components"]]
    bill["dependencies"] = [{"ref": "tweetream", "dependsOn": references}, *({"ref": ref} for ref in references)]
    return bill


def _of_page(vendored: dict[str, Any]) -> dict[str, Any]:
    """A JavaScript package that the page has a copy of, and the hash of each file."""
    purl = f"pkg:npm/{vendored['name']}@{vendored['version']}"
    files = [
        {
            "type": "file",
            "bom-ref": f"{purl}#{file['file']}",
            "name": file["file"],
            "hashes": [{"alg": "SHA-256", "content": file["sha256"]}],
        }
        for file in vendored["files"]
    ]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": vendored["name"],
        "version": vendored["version"],
        "purl": purl,
        "licenses": [{"license": {"id": vendored["licence"]}}],
        "components": files,
    }


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(bill_of_materials(), indent=2) + "\n")
