"""The notebook in docs/ has the cells of its script, with outputs that name no machine, and they run as they are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.notebook import CELLS, NOTEBOOK, URL
from support.waiting import until
from support.workers import workers

from tweetream.cli.demo import SAMPLE
from tweetream.kafka.embedded import EmbeddedBroker

MADE = json.loads(NOTEBOOK.read_text())


def test_the_notebook_has_the_cells_of_its_script_and_each_has_run() -> None:
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in MADE["cells"]] == list(CELLS), "make notebook"
    outputs = [cell["outputs"] for cell in MADE["cells"] if cell["cell_type"] == "code"]
    assert all(outputs[1:]) and not [one for some in outputs for one in some if one["output_type"] == "error"]


def test_the_notebook_is_small_and_names_no_machine() -> None:
    text = NOTEBOOK.read_text()
    assert len(text) < 60_000
    assert not re.search(r"/(home|root|tmp|work|usr|Users)/|:\d{5}\b|pyenv|Traceback", text)


@pytest.mark.process
def test_its_cells_run_against_a_worker(tmp_path: Path) -> None:
    settings = {"SOURCES": f"replay:{SAMPLE}?rate=100&loop=true", "TOPICS": "jakarta,macet"}
    with EmbeddedBroker(tmp_path) as broker, workers(1, broker.url, "notebook", tmp_path, **settings) as (worker,):
        until(lambda: worker.count("jakarta") >= 50 and worker.count("macet") >= 10, 60, "posts")
        names: dict[str, Any] = {}
        for kind, text in CELLS:
            if kind == "code":
                exec(compile(text.replace(URL, worker.url), "cell", "exec"), names)
    assert len(names["last"]) == 50 == len(names["table"]) and len(names["hour"]) >= 10
