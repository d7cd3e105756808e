"""CPU a post of normalising, matching and cleaning, and what a thousand topics cost beside ten.

    python bench/matching.py FILE…

FILE is text, a post a line. One process, without Kafka. The ten topics are those of `corpus.py`. To them come 990 that
no post matches, of one form each time: words made of the posts' own, parts of words, Japanese words, words together.
The status is 1 if a thousand cost more than 1.3 times what ten cost.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from corpus import BadCorpus, Corpus, make, read

from tweetream.matching import Matcher
from tweetream.text import Cleaner, normalise

POSTS, TURNS = 20_000, 9
MOST = 1.3
FORMS: dict[str, Callable[[str, int], str]] = {
    "words": lambda word, number: f"{word}x{number}",
    "parts of words": lambda word, number: f"*{word}x{number}*",
    "Japanese words": lambda _, number: f"{chr(0x4E00 + number)}{chr(0x5E00 + number * 7)}",
    "words together": lambda word, number: f"{word}x{number} & {word}y{number} -{word}z",
}


def main() -> int:
    """Print the tables; 2 when a file cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="posts, one a line")
    options = parser.parse_args()
    try:
        corpus = make(read(options.files), POSTS)
    except BadCorpus as error:
        print(f"matching: {error}", file=sys.stderr)
        return 2
    texts = [normalise(line) for line in corpus.lines]
    cleaner = Cleaner()
    ten = {topic: [topic] for topic in corpus.topics}
    print(f"{'step':<34}{'µs a post':>10}")
    for name, step, posts in (
        ("normalise", normalise, corpus.lines),
        ("clean", cleaner.clean, texts),
        ("match with 10 topics", Matcher(ten).match, texts),
    ):
        print(f"{name:<34}{cost([step], posts)[0]:>10.2f}")
    print(f"\n{'1,000 topics, 990 of them':<34}{'µs a post':>10}{'times 10':>10}")
    return 1 if max(compare(corpus, ten, texts)) > MOST else 0


def compare(corpus: Corpus, ten: dict[str, list[str]], texts: Sequence[str]) -> list[float]:
    """What a thousand topics of each form cost beside ten; a line is printed for each."""
    words = sorted({word for text in texts[:2_000] for word in text.split() if word.isalpha()})
    times = []
    for name, form in FORMS.items():
        more = {f"more{number}": [form(words[number % len(words)], number)] for number in range(990)}
        few, many = cost([Matcher(ten).match, Matcher(ten | more).match], texts)
        times.append(many / few)
        print(f"{name:<34}{many:>10.2f}{times[-1]:>10.2f}", flush=True)
    return times


def cost(steps: Sequence[Callable[[str], object]], texts: Sequence[str]) -> list[float]:
    """Microseconds of CPU a post of each step, the least of several turns; the steps take turns."""
    least = [float("inf")] * len(steps)
    for _ in range(TURNS):
        for place, step in enumerate(steps):
            start = time.process_time()
            for text in texts:
                step(text)
            least[place] = min(least[place], time.process_time() - start)
    return [seconds / len(texts) * 1e6 for seconds in least]


if __name__ == "__main__":
    sys.exit(main())
