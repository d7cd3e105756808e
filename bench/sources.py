"""The CPU that reading a post costs, by the kind of file: CSV, and the JSON lines of X, Bluesky and Mastodon.

    python bench/sources.py [--posts N] [--against DIRECTORY]

Each kind is a file of N different posts, made here, and is replayed with `rate=0` from begin to end in a process of its
own; the best of five runs counts. With `--against`, a second checkout is measured in turn with this one.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUNS = 5
LIMITS = {"csv": 8.0, "x": 20.0, "bluesky": 13.0, "mastodon": 20.0}  # µs of CPU a post

# Runs in a process of its own, with the checkout to measure first on its path.
PROGRAM = """
import asyncio, sys, time
from tweetream.sources.replay.source import Replay

async def read(url):
    posts = 0
    async for chunk in Replay(url).chunks(None):
        posts += len(chunk.posts)
    return posts

asyncio.run(read(sys.argv[1]))  # warms up
began = time.process_time()
posts = asyncio.run(read(sys.argv[1]))
spent = time.process_time() - began
assert posts == int(sys.argv[2]), f"{posts} posts were read"
print(spent / posts * 1e6)
"""


def main() -> None:
    """Print a table: µs a post of each kind of file, here and in the other checkout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, default=20_000, metavar="N", help="of each file (default %(default)s)")
    parser.add_argument("--against", type=Path, metavar="DIRECTORY", help="another checkout, measured in turn")
    options = parser.parse_args()
    roots = [ROOT] if options.against is None else [ROOT, options.against.resolve()]
    print("| file | limit | µs a post |" + (" there |" if len(roots) == 2 else ""))
    print("| --- | --- | --- |" + (" --- |" if len(roots) == 2 else ""))
    with tempfile.TemporaryDirectory() as folder:
        for kind, write in FILES.items():
            path = write(Path(folder), options.posts)
            spent = [min(times) for times in zip(*([_measure(root, path, options.posts) for root in roots]
                                                   for _ in range(RUNS)), strict=True)]  # fmt: skip
            print(f"| {kind} | {LIMITS[kind]:g} | " + " | ".join(f"{each:.2f}" for each in spent) + " |", flush=True)


def _measure(root: Path, path: Path, posts: int) -> float:
    command = [sys.executable, "-c", PROGRAM, f"replay:{path}?rate=0", str(posts)]
    done = subprocess.run(command, env={"PYTHONPATH": str(root)}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout)


def _text(number: int) -> str:
    return f"Macet parah di Jl. Sudirman arah Semanggi, banjir setinggi lutut 🚧 nomor {number} @dishub #macet"


def _time(number: int) -> str:
    return f"2024-09-{number % 28 + 1:02}T{number % 24:02}:46:02.{number % 1000:03}Z"


def _csv(folder: Path, posts: int) -> Path:
    path = folder / "posts.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "created_at", "author", "text", "lang"])
        writer.writerows([f"x:{n}", _time(n), f"user{n % 999}", _text(n), "id"] for n in range(posts))
    return path


def _json_lines(make: Callable[[int], Any]) -> Callable[[Path, int], Path]:
    def write(folder: Path, posts: int) -> Path:
        path = folder / "posts.jsonl"
        path.write_text("".join(json.dumps(make(n), ensure_ascii=False) + "\n" for n in range(posts)))
        return path

    return write


def _x(n: int) -> Any:
    tweet = {"id": str(10**18 + n), "text": _text(n), "author_id": str(n % 999), "lang": "in", "created_at": _time(n)}
    user = {"id": str(n % 999), "name": "Rina", "username": f"user{n % 999}"}
    metrics = {"public_metrics": {"retweet_count": 1, "like_count": 2}, "edit_history_tweet_ids": [str(10**18 + n)]}
    return {"data": tweet | metrics, "includes": {"users": [user]}, "matching_rules": [{"id": "5", "tag": "macet"}]}


def _bluesky(n: int) -> Any:
    facet = {"index": {"byteStart": 0, "byteEnd": 5}, "features": [{"$type": "app.bsky.richtext.facet#tag"}]}
    record = {"$type": "app.bsky.feed.post", "text": _text(n), "createdAt": _time(n), "langs": ["id"]}
    commit = {"rev": "3l", "operation": "create", "collection": "app.bsky.feed.post", "rkey": f"3l{n:011}", "cid": "b"}
    return {
        "did": f"did:plc:{n % 999:024}",
        "time_us": 1725911162329308 + n,
        "kind": "commit",
        "commit": commit | {"record": record | {"facets": [facet]}},
    }


def _mastodon(n: int) -> Any:
    account = {"id": "7", "acct": f"user{n % 999}", "display_name": "Rina", "note": "<p>halo</p>", "fields": []}
    return {
        "id": str(113 * 10**15 + n),
        "uri": f"https://social.example/users/a/statuses/{n}",
        "url": f"https://social.example/@a/{n}",
        "content": f"<p>{_text(n)} &amp; <a href='https://social.example/tags/a'>#<span>banjir</span></a></p><p>dua</p>",
        "account": account,
        "language": "id",
        "created_at": _time(n),
        "spoiler_text": "",
        "media_attachments": [],
        "reblog": None,
    }


FILES: dict[str, Callable[[Path, int], Path]] = {
    "csv": _csv,
    "x": _json_lines(_x),
    "bluesky": _json_lines(_bluesky),
    "mastodon": _json_lines(_mastodon),
}

if __name__ == "__main__":
    main()
