"""`tweetream classify` and `replay:` read every export as the same posts."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from support.networks.exports import EXPORTS, FOLDER

from tweetream.models.post import Post
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.options import read_url
from tweetream.sources.replay.reader import FileReader

Run = Callable[..., CompletedProcess[bytes]]  # a command in this process


def test_classify_and_replay_give_the_same_posts(tweetream: Run, model: Path) -> None:
    """One reader reads for both, so a file is the same posts to everybody."""
    for export in EXPORTS:
        options = [part for option in filter(None, export.query.split("&")) for part in cli(option)]
        done = tweetream("classify", "--model", model, FOLDER / export.file, "--output-format", "jsonl", *options)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        choices = read_url(f"replay:{FOLDER / export.file}?{export.query}").choices
        reader = FileReader(str(FOLDER / export.file), choices)
        items = [item for item in reader.items(ParseContext(0)) if item is not None]
        texts = [found.text if isinstance(found, Post) else None for _, _, found, _ in items]
        column = reader.layout.columns.get("text", "text")
        assert [row.get(column) if row["label"] != "" else None for row in rows] == texts, export.file


def cli(option: str) -> list[str]:
    name, _, value = option.partition("=")
    return [f"--{name.replace('_', '-')}", value]
