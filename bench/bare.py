"""What the bare work costs in one, two and four processes: the control of bench/scaling.py.

    python bench/bare.py FILE…

FILE is text, a post a line. No Kafka and no Faust: each process normalises, matches, cleans and predicts its share of
the posts in batches of 200, at a pace that is the same for all together, and without one. What rises here with the
number of processes is the machine's (caches, cores that are shared), and no worker can be below it.
"""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

from corpus import BadCorpus, Corpus, make, read

from tweetream.classifier.model import Classifier
from tweetream.matching import Matcher
from tweetream.text import Cleaner, normalise

BATCH = 200
WARM = 4_000  # posts before it counts: words that were met once are remembered


def main() -> int:
    """Run all and print the table; 2 when a file cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="posts, one a line")
    parser.add_argument("--posts", type=int, default=48_000, help="in all (default %(default)s)")
    parser.add_argument("--rate", type=int, default=8_000, help="posts/s of all together (default %(default)s)")
    options = parser.parse_args()
    try:
        corpus = make(read(options.files), options.posts)
    except BadCorpus as error:
        print(f"bare: {error}", file=sys.stderr)
        return 2
    print(f"{'processes':>9}{'pace':>9}{'CPU µs a post':>16}{'times one':>11}")
    for rate in (options.rate, 0):
        one = 0.0
        for count in (1, 2, 4):
            cost = _cost(corpus, count, rate)
            one = one or cost
            print(f"{count:>9}{rate or 'none':>9}{cost:>16.1f}{cost / one:>11.2f}", flush=True)
    return 0


def _cost(corpus: Corpus, count: int, rate: float) -> float:
    """Microseconds of CPU a post in so many processes."""
    used: Any = multiprocessing.Queue()
    begin = multiprocessing.Barrier(count)
    shares = [corpus.lines[nth::count] for nth in range(count)]
    group = [multiprocessing.Process(target=_work, args=(s, corpus.topics, rate / count, begin, used)) for s in shares]
    for process in group:
        process.start()
    seconds: float = sum(used.get() for _ in group)
    for process in group:
        process.join()
    return seconds / len(corpus.lines) * 1e6


def _work(lines: list[str], topics: list[str], rate: float, begin: Any, used: Any) -> None:
    cleaner, classifier = Cleaner(), Classifier.load()
    matcher = Matcher({topic: [topic] for topic in topics})

    def batch(start: int) -> None:
        texts = [normalise(line) for line in lines[start : start + BATCH]]
        classifier.predict([cleaner.clean(text) for text in texts if matcher.match(text)])

    for start in range(0, WARM, BATCH):
        batch(start)
    begin.wait()
    began, cpu = time.monotonic(), time.process_time()
    for start in range(0, len(lines), BATCH):
        if rate:
            time.sleep(max(0.0, began + start / rate - time.monotonic()))
        batch(start)
    used.put(time.process_time() - cpu)


if __name__ == "__main__":
    sys.exit(main())
