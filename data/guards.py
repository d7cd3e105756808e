"""Posts that are no report, made of the words of the kinds list: for what nobody writes down as an example.

A place, a vehicle or a driver alone says nothing about a road, nor do two of them. A word or a syllable does not become
a report by being said again. The classifier learns it from these posts, which are the same in every run.
"""

from collections.abc import Iterator
from random import Random

from tweetream.classifier.dataset import SEED, LabelledPost
from tweetream.classifier.features import shipped_kinds

NEAR_ROADS = ("place", "roadname", "vehicle", "transit", "driver", "roadpart", "direction", "move")
ABOUT_ROADS = ("jam", "clear", "crash", "flood", "closure", "works", "demo", "crossing")  # may be a report alone
ALONE, AGAIN, SYLLABLES = 600, 300, 200


def guard_posts() -> list[LabelledPost]:
    """The posts, all of them non_traffic."""
    chosen = Random(SEED)
    kinds = {kind: words.split() for kind, _, words in (line.partition(":") for line in shipped_kinds().splitlines())}
    return [LabelledPost(text, "non_traffic", f"guard {text}") for text in _texts(chosen, kinds)]


def _texts(chosen: Random, kinds: dict[str, list[str]]) -> Iterator[str]:
    elsewhere = [kind for kind in kinds if kind not in ABOUT_ROADS]
    for _ in range(ALONE):
        yield " ".join(chosen.choice(kinds[chosen.choice(NEAR_ROADS)]) for _ in range(chosen.choice((1, 1, 2))))
    for _ in range(AGAIN):
        yield " ".join([chosen.choice(kinds[chosen.choice(elsewhere)])] * chosen.randint(2, 4))
    for _ in range(SYLLABLES):
        letters = [chosen.choice(some) for some in ("bdfghjklmnprstvwyz", "aeiou", "aeiouhmn")]
        yield " ".join(["".join(letters[chosen.randint(0, 1) :])] * chosen.randint(1, 4))
