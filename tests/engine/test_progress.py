"""A partition stands still when it has records and its committed offset does not move."""

from tweetream.engine.progress import STILL, Progress


def test_a_partition_with_records_whose_offset_does_not_move_stands_still() -> None:
    now = [0.0]
    progress: Progress[str] = Progress(lambda: now[0])
    assert progress.look({"posts": (5, 9), "tagged": (3, 3)}) == ""
    now[0] = STILL - 1
    assert progress.look({"posts": (5, 9), "tagged": (3, 3)}) == ""
    now[0] = STILL
    assert progress.look({"posts": (5, 9), "tagged": (3, 3)}) == "posts stands still at offset 5"


def test_one_that_moves_is_empty_or_was_not_ours_for_a_moment_does_not() -> None:
    now = [0.0]
    progress: Progress[str] = Progress(lambda: now[0])
    for offset in range(5):
        now[0] += STILL - 1
        assert progress.look({"moves": (offset, 99), "empty": (7, 7)}) == ""
    progress.look({})  # a rebalance, or Kafka is away
    assert progress.look({"moves": (4, 99), "empty": (7, 9)}) == ""
    now[0] += STILL - 1
    assert progress.look({"moves": (4, 99), "empty": (7, 9)}) == ""
