"""Names of topics, and tombstones."""

import pytest

from tweetream.models.topic import BadTopic, Topic, check_name


@pytest.mark.parametrize("name", ["a", "0", "macet", "jalan-tol_2", "a" * 64, "9--__"])
def test_a_good_name_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "_a", "A", "macet ", " macet", "macet\n", "a.b", "a/b", "a,b", "a@b", "é", "\u0661", "a" * 65,
     "..", "a\x00", None, 1, b"macet", ["macet"]],
)  # fmt: skip
def test_a_bad_name_is_refused_with_what_is_wanted(name: object) -> None:
    with pytest.raises(BadTopic, match="1 to 64 of a-z 0-9"):
        check_name(name)


def test_a_topic_with_a_time_of_deletion_is_a_tombstone() -> None:
    assert Topic("a", ("a",), 1, 1, "t-feed-a-1", 0).alive
    assert not Topic("a", ("a",), 1, 1, "t-feed-a-1", 0, deleted_at=5).alive
