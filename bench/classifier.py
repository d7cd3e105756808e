"""CPU a post of a model, through the code that the agent calls, beside bare scikit-learn; and what loading it takes.

    python bench/classifier.py POSTS [--model MODEL]

POSTS has a post a line; the model is the shipped one. Both sides get the same cleaned texts in the same batches, in
turns after each batch, since a machine can change its speed within a second; the median of the rounds counts. The
first half of the posts is not measured: after it a model knows the words that a running worker knows. Bare is
`HashingVectorizer` (words, as it comes) and `LinearSVC.decision_function`, trained on the unmeasured half with labels
at random, which its cost does not hang on.

Loading is measured in a process of its own that has imported the classifier: seconds, and the memory that it keeps,
also after all posts were classified.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.svm import LinearSVC

from tweetream.classifier.model import BadModel, Classifier
from tweetream.text import Cleaner, normalise

BATCH, ROUNDS = 200, 5
LOAD = f"""
import json, os, sys, time
from tweetream.classifier.model import Classifier
def kept():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
texts = json.load(sys.stdin)
before, start = kept(), time.perf_counter()
model = Classifier.load(sys.argv[1] and __import__("pathlib").Path(sys.argv[1]) or None)
seconds, loaded = time.perf_counter() - start, kept()
for begin in range(0, len(texts), {BATCH}):
    model.predict(texts[begin : begin + {BATCH}])
print(json.dumps([seconds, (loaded - before) / 1e6, (kept() - before) / 1e6]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU a post of a model beside bare scikit-learn.")
    parser.add_argument("posts", type=Path, metavar="POSTS", help="a post a line, 2,000 or more")
    parser.add_argument("--model", type=Path, metavar="MODEL", help="default: the shipped one")
    options = parser.parse_args()
    try:
        lines = options.posts.read_text("utf-8", errors="replace").split("\n")
        model = Classifier.load(options.model)
    except (OSError, BadModel) as error:
        sys.exit(f"bench/classifier.py: {error}")
    clean = Cleaner().clean
    texts = [clean(normalise(line)) for line in lines]
    if len(texts) < 2_000:
        sys.exit(f"bench/classifier.py: {options.posts} has {len(texts)} posts, 2,000 are wanted")
    half = len(texts) // 2
    words = HashingVectorizer()
    labels = np.random.default_rng(2016).integers(0, 2, half)
    bare = LinearSVC(random_state=2016).fit(words.transform(texts[:half]), labels)
    for batch in batches(texts[:half]):
        model.predict(batch)
    ways: dict[str, Callable[[Sequence[str]], Any]] = {
        "the model, as the agent calls it": model.predict,
        "HashingVectorizer + LinearSVC": lambda batch: bare.decision_function(words.transform(batch)),
    }
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for part in np.array_split(np.arange(half, len(texts)), ROUNDS):
        for name, each in cost(ways, [texts[place] for place in part]).items():
            costs[name].append(each)
    report({name: median(found) for name, found in costs.items()}, len(texts) - half)
    given = str(options.model) if options.model else ""
    command = [sys.executable, "-c", LOAD, given]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    seconds, loaded, used = json.loads(done.stdout)
    print(f"\nloading: {seconds:.2f} s, {loaded:.0f} MB; after {len(texts):,} posts {used:.0f} MB")


def batches(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[begin : begin + BATCH] for begin in range(0, len(texts), BATCH)]


def cost(ways: Mapping[str, Callable[[Sequence[str]], Any]], texts: Sequence[str]) -> dict[str, float]:
    """Microseconds of CPU a post, of each way. They take turns at being the first."""
    found, order = dict.fromkeys(ways, 0.0), list(ways)
    for batch in batches(texts):
        for name in order:
            start = time.process_time()
            ways[name](batch)
            found[name] += (time.process_time() - start) / len(texts) * 1e6
        order.reverse()
    return found


def report(costs: dict[str, float], posts: int) -> None:
    """A line a way, with its share of the last one's cost."""
    *_, unit = costs.values()
    print(f"{posts:,} posts in batches of {BATCH}, median of {ROUNDS} rounds\n")
    print(f"{'':<34} {'us CPU a post':>13} {'times bare':>10}")
    for name, each in costs.items():
        print(f"{name:<34} {each:>13.1f} {each / unit:>10.2f}")


if __name__ == "__main__":
    main()
