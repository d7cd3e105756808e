"""Makes the shipped model and its card anew from declared inputs: the same inputs give the same bytes.

    python data/make_model.py TWEETS REAL

TWEETS has the tweets of Kurniawan et al. (2016) as `traffic_tweets.txt` and `non_traffic_tweets.txt`, REAL the real
posts as `near.csv`, `background.csv` and `labelled.csv`; neither is part of the project (docs/model.md says where they
are from). Our own posts and the labels of real posts are beside this file. An input whose SHA-256 differs from the
declared one is refused.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from guards import guard_posts
from measure_real import tables
from real_posts import RealPost, held_out, learnt, read_background, read_near, read_other

from tweetream.classifier import model_card
from tweetream.classifier.dataset import BadData, LabelledPost
from tweetream.classifier.evaluation import Result
from tweetream.classifier.mixture import Posts, train_mixture
from tweetream.classifier.model import Classifier
from tweetream.classifier.training import check, clean, save
from tweetream.cli.labelled_posts import read

HERE = Path(__file__).parent
COMMAND = "make model TWEETS=FOLDER REAL=FOLDER"
MODEL = HERE.parent / "tweetream" / "data" / "model.safetensors"
HARD = "posts-hard-test.csv"
TWEETS_OF_EACH_LABEL = 3_000  # more of them make the model worse on posts that people write in their own words
POSTS = {
    "posts-train.csv": "0af086a5e848d530f37c0c7383710a5317e5b924862119250efbf6044ad7e7f2",
    "posts-test.csv": "fc01adb334a728d38d67afd666ef9c76cd86a30b9dabd0c2af4c0646e7f369fb",
    "posts-hard.csv": "ba683eb2d9179e8819c028c68d6558dfa9344ea5bfdc296e095d028bcd315896",
    "posts-hard-test.csv": "3e09340e5bb44ae516fd16d9c7cbfcc61a4b877013334eb5af6f7d297908f6b1",
    "posts-world.csv": "6a6c590558550d7912e00ad9d162cf29173e74b7495c8cf36c64d3b8692b4b81",
    "real-labels.csv": "0529504c9fff8c93ca944d6bdfb3d2d9f155b5ab231fd1898c24bf4204ff4420",
}
REAL = {
    "near.csv": "6878b0ec99f68910ac64e98301fd35c994fb5b2ea806d426d8215299df1b79ea",
    "background.csv": "76c2d24e9f3b6bba9024a63e4a4c800d4e9f5aa8aaa162aeb19a7f70afe31a15",
    "labelled.csv": "4b2e8d4c6d62105b4a6df1cc8cf6e912589613301ab6f8b99595310364bab1b2",
}
TWEETS = {
    "traffic_tweets.txt": "afb5d6df98018422a84b4a47897f3864dff4834757f0be02c8fd47827aa38b1a",
    "non_traffic_tweets.txt": "79da1ebeb8c34dc802b1bcc82d130368c999a49e1890b3dede2e712617ba47d9",
}


def main(arguments: Sequence[str], out: Path = MODEL) -> None:
    if len(arguments) != 2 or not all(arguments):
        _fail(f"give the folders of the tweets and of the real posts: {COMMAND}")
    tweets, real = map(Path, arguments)
    for path, declared in [
        *((HERE / name, digest) for name, digest in POSTS.items()),
        *((tweets / name, digest) for name, digest in TWEETS.items()),
        *((real / name, digest) for name, digest in REAL.items()),
    ]:
        _check(path, declared)
    try:
        print(_make(tweets, real, out))
    except BadData as error:
        _fail(str(error))


def training_posts(tweets: Path, near: Sequence[RealPost], background: Sequence[RealPost]) -> Posts:
    """The cleaned posts to train on: our own, the tweets, the guards, and these real ones."""
    train, hard, world, *files = _data(tweets)
    parts = (read([train]), read([hard]), guard_posts(), read(files, TWEETS_OF_EACH_LABEL), read([world]))
    own = [clean(posts) for posts in parts]
    return Posts(*own, *([found.post for found in posts] for posts in (near, background)))


def _data(tweets: Path) -> list[str]:
    return [
        str(HERE / "posts-train.csv"),
        str(HERE / "posts-hard.csv"),
        str(HERE / "posts-world.csv"),
        f"traffic={tweets / 'traffic_tweets.txt'}",
        f"non_traffic={tweets / 'non_traffic_tweets.txt'}",
    ]


def _make(tweets: Path, real: Path, out: Path) -> str:
    """Train, measure, and write both files; returns a line with the result."""
    near, background = read_near(real), read_background(real)
    posts = training_posts(tweets, learnt(near), learnt(background))
    model = train_mixture(posts)
    classifier = Classifier(model)
    test = [str(HERE / "posts-test.csv")]
    results = check(classifier, clean(read(test)))
    hard = check(classifier, clean(read([str(HERE / HARD)])))
    everything: list[LabelledPost] = [post for of_sort in posts for post in of_sort]
    digest = save(model, out)
    args = [*_data(tweets), *(str(real / name) for name in REAL), str(HERE / "real-labels.csv")]
    made = model_card.Made(args, everything, everything, model, "mixture", digest, TWEETS_OF_EACH_LABEL, COMMAND)
    card = model_card.text(made, model_card.Test(test, len(everything), results))
    found = tables(classifier, held_out(near), held_out(background), read_other(real))
    found = f"## Results\n\n{found}\n\n{_own(hard, results)}"
    out.with_suffix(".md").write_text(card.replace("## Data\n", found + "## Data\n", 1), "utf-8")
    return f"{out}: {results.accuracy:.2%} of {results.tested} own test posts right; more in {out.with_suffix('.md')}"


def _own(hard: Result, found: Result) -> str:
    """The results that are not of real posts."""
    return (
        f"### 3. Hard posts\n\n{_measured(hard, HARD)}.\n\n- `{HARD}` (SHA-256 `{POSTS[HARD]}`)\n\n"
        f"### 4. Our own test part\n\n{_measured(found, 'posts-test.csv')}; more below.\n\n"
        "### 5. The paper's protocol\n\nIt trains models of its own: docs/model.md has the figures.\n\n"
    )


def _measured(found: Result, name: str) -> str:
    low, high = found.interval
    return (
        f"`tweetream evaluate data/{name}`: {found.tested} posts, accuracy {found.accuracy:.2%} (95 % interval "
        f"{low:.2%} to {high:.2%}), calibration error {found.calibration:.3f}"
    )


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
