"""Where the parts of the checkout are."""

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
DOCS = ROOT / "docs"
STATIC = ROOT / "tweetream" / "web" / "static"
