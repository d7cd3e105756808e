"""The notebook docs/posts.ipynb: its cells, and `make notebook`, which runs them against a demo, with their outputs.

Needs nbclient and ipykernel, which nothing else here does. The cells have the usual address of a worker; while they
run, the demo is at another port.
"""

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.paths import ROOT
from support.waiting import until

from tweetream.kafka.embedded import dies_with_parent, free_ports

NOTEBOOK = ROOT / "docs" / "posts.ipynb"
URL = "http://127.0.0.1:6066"
POSTS = 400  # of the demo, before the cells run
CELLS = (
    (
        "markdown",
        """# Posts in Python

`import tweetream` gives the labels of any texts, and the posts of a topic as they arrive. This notebook was run against
`tweetream demo`; start it, and run the cells yourself. The tables need pandas.""",
    ),
    ("code", f'import datetime\nfrom itertools import islice, takewhile\n\nimport tweetream\n\nURL = "{URL}"'),
    ("markdown", "## Labels\n\nThe model is loaded once and runs in this process. It needs no worker."),
    (
        "code",
        'tweetream.classify(["Macet total di tol dalam kota arah Cawang", "Kopi pagi di balkon", "qwxzv lkjh"])',
    ),
    (
        "markdown",
        "The last text has no word that the model knows. So it has no label.\n\n## The last posts of a topic\n\n"
        "`posts` never ends: it goes on with each post as it arrives. `islice` takes the first ones.",
    ),
    (
        "code",
        'last = list(islice(tweetream.posts("jakarta", url=URL, last=50), 50))\nlast[0]',
    ),
    ("code", 'table = tweetream.to_dataframe(last)\ntable[["received_at", "text", "label", "score"]].tail(5)'),
    ("code", 'table.groupby("label", dropna=False)["score"].agg(["count", "mean"]).round(2)'),
    (
        "markdown",
        "## All posts since a time\n\n`since` begins in the past. The posts up to now are those that were received "
        "before it; a later one ends the loop.",
    ),
    (
        "code",
        "now = datetime.datetime.now(datetime.UTC)\n"
        'found = tweetream.posts("macet", url=URL, since=now - datetime.timedelta(hours=1))\n'
        "hour = tweetream.to_dataframe(takewhile(lambda post: post.received_at < now.isoformat(), found))\n"
        'hour.groupby(hour["label"].fillna("unsure")).size()',
    ),
    (
        "markdown",
        "## Following\n\nIf the connection ends, the loop connects again and goes on right after the last post, so "
        "that none is missing and none comes twice.",
    ),
    (
        "code",
        'for post in islice(tweetream.posts("macet", url=URL, label="traffic"), 3):\n'
        '    print(f"{post.score:.2f}  {post.text[:70]}")',
    ),
)


def notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


@contextlib.contextmanager
def demo() -> Iterator[str]:
    """A demo that has had some posts; its address."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tweetream", "demo", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent())
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: read(url) >= POSTS, 120, "the demo has posts", 0.5)
        yield url
    finally:
        process.terminate()
        process.wait(15)


def read(url: str) -> int:
    """How many posts the demo's topics have."""
    try:
        with urllib.request.urlopen(f"{url}/topics", timeout=5) as answer:
            return sum(sum(topic["posts"].values()) for topic in json.load(answer))
    except OSError:
        return 0


def make(path: Path = NOTEBOOK) -> None:
    """Run the cells and write the notebook with what they give."""
    import nbformat
    from nbclient import NotebookClient

    with demo() as url:
        cells = [_cell(number, kind, text.replace(URL, url)) for number, (kind, text) in enumerate(CELLS)]
        made = nbformat.from_dict(notebook(cells))
        NotebookClient(made, timeout=60).execute()
    for cell in made.cells:
        cell.source = cell.source.replace(url, URL)
        cell.metadata.pop("execution", None)  # when it ran
    made.metadata.pop("language_info", None)
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


if __name__ == "__main__":
    make()
