"""`tweetream.sources`, the interface for sources of other packages, is complete and cheap to import."""

import subprocess
import sys

from support.networks.harnesses import HARNESSES

from tweetream import sources

HEAVY = ("aiohttp", "aiokafka", "faust", "prometheus_client", "pydantic", "tweepy", "yarl")
NETWORKS = tuple(f"tweetream.sources.{scheme}" for scheme in sources.SCHEMES)


def test_every_public_name_is_there() -> None:
    assert all(hasattr(sources, name) for name in sources.__all__)
    assert len({*sources.__all__}) == len(sources.__all__)


def test_the_contract_is_tested_with_every_scheme() -> None:
    """`lines` is the example of a source of another package."""
    assert {harness.name for harness in HARNESSES} == {*sources.SCHEMES, "lines"}


def test_importing_it_imports_no_network_and_no_large_library() -> None:
    """Otherwise each worker would import tweepy, which takes half a second, also without a source for X."""
    program = "import sys, tweetream.sources; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    modules = imported.stdout.split()
    assert "tweetream.sources" in modules
    assert not [name for name in modules if name.startswith((*HEAVY, *NETWORKS)) and not name.startswith("__")]
