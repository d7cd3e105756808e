"""The kernel values of docs/operations.md: this machine's kernel has each, and takes what the table says."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from support.paths import DOCS

TABLE = (DOCS / "operations.md").read_text().partition("## Files and kernel")[2].partition("\n\n`")[0]
# As large as the table's own example needs it: four times the connections of a proxy with 100,000 streams.
COMPUTED = {"net.netfilter.nf_conntrack_max": "800000"}


def values() -> dict[str, str]:
    """By name what the table says, without the commas; a value that it leaves as it is has none."""
    found = {}
    for names, value in re.findall(r"^\| (`(?:fs|net)\..+?) \| (.+?) \|", TABLE, re.MULTILINE):
        for name in re.findall(r"`([a-z_.\d-]+)`", names):
            found[name] = COMPUTED.get(name, value.replace(",", ""))
    return {name: value for name, value in found.items() if re.fullmatch(r"[\d ]+", value)}


def path_of(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set them")
@pytest.mark.parametrize("name", values())
def test_the_kernel_takes_the_value(name: str) -> None:
    if name == "net.netfilter.nf_conntrack_max" and not path_of(name).exists():
        pytest.skip("this kernel tracks no connections now")
    inside = ["unshare", "--net"] if name.startswith("net.") and "nf_" not in name else []
    before = path_of(name).read_text()
    try:
        done = subprocess.run([*inside, "sysctl", "-w", f"{name}={values()[name]}"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [name, "=", *values()[name].split()]
    finally:
        if not inside:
            path_of(name).write_text(before)
