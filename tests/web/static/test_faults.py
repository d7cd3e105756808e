"""The page knows every sentence with which the server refuses a topic, so it can say it in the person's language."""

import re

import pytest
from support.paths import ROOT

from tweetream.matching import normalise_track, warnings
from tweetream.models.topic import BadTopic, TooManyTopics, Topic, check_name, check_room

SOURCE = (ROOT / "tweetream/web/static/topics/faults.js").read_text()
KNOWN = [
    re.compile(pattern.replace("(?<", "(?P<"), re.DOTALL) for pattern in re.findall(r"^  \[/(.*)/s?, \"", SOURCE, re.M)
]
TERMS = (
    '"banjir', "-tol", "tol -tol", "x" * 101, "\ufdfa" * 9, "tol &", "& tol", "tol & & x", "a NOT b", "a OR b",
    "NOT a", "b*n", "* a", "a * b", "**", "?!", "@nama", "https://a.example", "",
)  # fmt: skip


def known(sentence: str) -> bool:
    return any(pattern.search(sentence) for pattern in KNOWN)


@pytest.mark.parametrize("term", TERMS)
def test_every_fault_of_a_term_is_known(term: str) -> None:
    for line in warnings([term]):
        assert known(line), line
    if term != "**":
        assert warnings([term]), "it is a fault"


def test_every_fault_of_a_name_a_track_and_the_bounds_is_known() -> None:
    with pytest.raises(BadTopic) as wrong:
        check_name("A")
    assert known(str(wrong.value))
    with pytest.raises(BadTopic) as wrong:
        normalise_track([])
    assert known(str(wrong.value))
    for track, most in ((("a",), 1), (("x" * 100_000,), 2)):
        with pytest.raises(TooManyTopics) as full:
            check_room([Topic("a", ("a",), 1, 1, "t-feed-a-1", 0)], "b", track, most)
        assert known(str(full.value))


def test_the_faults_that_the_handlers_name_are_known() -> None:
    web = "".join((ROOT / "tweetream/web" / name).read_text() for name in ("topics.py", "preview.py", "auth.py"))
    for sentence in ("exists with another track", "there is no topic", "the change may still be applied",
                     "the topic was not changed", "deleted the topic right after", "no post was read in the last hour",
                     "X sends only posts that match"):  # fmt: skip
        assert sentence in web and known(f"{sentence}: a, b"), sentence
