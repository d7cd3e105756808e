"""Names of topics, and tombstones."""

import pytest

from tweetream.models.topic import (
    CHARACTERS_EACH,
    MAX_TERM,
    MAX_TERMS,
    BadTopic,
    TooManyTopics,
    Topic,
    check_entry,
    check_name,
    check_room,
)


@pytest.mark.parametrize("name", ["a", "0", "macet", "jalan-tol_2", "a" * 64, "9--__"])
def test_a_good_name_is_accepted(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "_a", "A", "macet ", " macet", "macet\n", "a.b", "a/b", "a,b", "a@b", "é", "\u0661", "a" * 65,
     "..", "a\x00", None, 1, b"macet", ["macet"]],
)  # fmt: skip
def test_a_bad_name_is_refused_with_the_rule_for_names(name: object) -> None:
    with pytest.raises(BadTopic, match="1 to 64 of a-z 0-9"):
        check_name(name)


def test_a_topic_with_a_time_of_deletion_is_a_tombstone() -> None:
    assert Topic("a", ("a",), 1, 1, "t-feed-a-1", 0).alive
    assert not Topic("a", ("a",), 1, 1, "t-feed-a-1", 0, deleted_at=5).alive


def topics(*tracks: tuple[str, ...]) -> list[Topic]:
    return [Topic(f"t{number}", track, 1, 1, f"t-feed-t{number}-1", 0) for number, track in enumerate(tracks)]


def test_topics_are_bounded_in_number() -> None:
    check_room(topics(("a",)), "baru", ["b"], 2)
    with pytest.raises(TooManyTopics, match=r"there are 2 topics: delete one, or raise TWEETREAM_MAX_TOPICS \(2\)"):
        check_room(topics(("a",), ("a",)), "baru", ["b"], 2)


def test_the_characters_of_all_tracks_are_bounded_together() -> None:
    """Against a few topics whose words fill the memory of every worker."""
    full = [("x" * 10 * CHARACTERS_EACH,), ("y" * 9 * CHARACTERS_EACH,)]
    check_room(topics(*full), "baru", ["y" * 500, "z" * 500], 20)
    with pytest.raises(TooManyTopics, match="20000 characters: track fewer words"):
        check_room(topics(*full), "baru", ["y" * 500, "z" * 501], 20)


def test_one_topic_may_always_have_all_that_a_topic_can_have() -> None:
    check_room([], "baru", ["x" * MAX_TERM] * MAX_TERMS, 1)


def test_a_topic_that_is_there_is_measured_in_place_of_its_old_words_and_may_always_shrink() -> None:
    there = topics(("x" * 10 * CHARACTERS_EACH,), ("y" * 10 * CHARACTERS_EACH,))
    for size in (1, 9 * CHARACTERS_EACH, 10 * CHARACTERS_EACH):
        check_room(there, "t1", ["z" * size], 20)
        check_room(there, "t1", ["z" * size], 1)  # the settings allow less now
    with pytest.raises(TooManyTopics, match="20000 characters"):
        check_room(there, "t1", ["z" * (10 * CHARACTERS_EACH + 1)], 20)


def test_an_entry_of_no_generation_is_refused_in_one_line() -> None:
    """Against a forged entry whose error nobody expected."""
    for generation in (-1, -36, -(2**63)):
        with pytest.raises(BadTopic):
            check_entry(Topic("jakarta", ("jakarta",), 1, generation, "tweetream-feed-jakarta-1", 1))
