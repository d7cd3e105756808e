"""Makes the shipped model and its card anew from declared inputs: the same inputs give the same bytes.

    python data/make_model.py FOLDER

FOLDER has the tweets of Kurniawan et al. (2016) as `traffic_tweets.txt` and `non_traffic_tweets.txt`; they are not part
of the project (docs/model.md says where they are). The labelled posts are beside this file. An input whose SHA-256
differs from the declared one is refused.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tweetream.classifier.dataset import BadData
from tweetream.classifier.training import run
from tweetream.cli.labelled_posts import read

HERE = Path(__file__).parent
MODEL = HERE.parent / "tweetream" / "data" / "model.safetensors"
TWEETS_OF_EACH_LABEL = 3_000  # more of them make the model worse on posts that people write in their own words
POSTS = {
    "posts-train.csv": "44a5adaf854521d4cb4432aace91cb35ec53ad8e549aceca0fd22a2066b63df4",
    "posts-test.csv": "b1a9c03921d53ab365ac90b8d1de9ef8d9ce0fad2720a2fe57865e044cd8e9c5",
}
TWEETS = {
    "traffic_tweets.txt": "afb5d6df98018422a84b4a47897f3864dff4834757f0be02c8fd47827aa38b1a",
    "non_traffic_tweets.txt": "79da1ebeb8c34dc802b1bcc82d130368c999a49e1890b3dede2e712617ba47d9",
}


def main(arguments: Sequence[str], out: Path = MODEL) -> None:
    if len(arguments) != 1 or not arguments[0]:
        _fail("give the folder of the tweets: make model TWEETS=FOLDER")
    tweets = Path(arguments[0])
    for path, declared in [
        *((HERE / name, digest) for name, digest in POSTS.items()),
        *((tweets / name, digest) for name, digest in TWEETS.items()),
    ]:
        _check(path, declared)
    data = [
        str(HERE / "posts-train.csv"),
        f"traffic={tweets / 'traffic_tweets.txt'}",
        f"non_traffic={tweets / 'non_traffic_tweets.txt'}",
    ]
    try:
        print(run(data, out, test=[str(HERE / "posts-test.csv")], at_most=TWEETS_OF_EACH_LABEL, read=read))
    except BadData as error:
        _fail(str(error))


def _check(path: Path, declared: str) -> None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        _fail(f"{path} cannot be read: {error.strerror or error}")
    if found != declared:
        _fail(f"{path} is another file: its SHA-256 is {found}, and the model is made from {declared}")


def _fail(reason: str) -> NoReturn:
    raise SystemExit(f"data/make_model.py: {reason}")


if __name__ == "__main__":
    main(sys.argv[1:])
