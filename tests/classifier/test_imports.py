"""What a worker and the commands that only use a model import."""

import subprocess
import sys

import pytest

HEAVY = "{'sklearn', 'scipy', 'skops', 'joblib', 'nltk'}"


@pytest.mark.process
def test_a_model_is_served_without_scikit_learn() -> None:
    """scikit-learn takes more than a second of each start, and its compiled code trusts what a model file says."""
    code = (
        "import sys\n"
        "from tweetream.cli.main import main\n"
        "from tweetream.agents import classification, model\n"
        "from tweetream.web import classify\n"
        "import tweetream.topology\n"
        "found = model._load()\n"
        "assert found.predict(['macet']) and found.explain('macet')\n"
        "assert classify._load().explain('macet')\n"
        "try: main(['explain', 'macet'])\n"
        "except SystemExit as ended: assert not ended.code\n"
        f"assert not {HEAVY} & set(sys.modules), {HEAVY} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
