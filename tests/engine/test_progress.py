"""A partition stands still when it has records and its committed offset does not move."""

from tweetream.engine.progress import STILL, Offsets, Progress


def test_a_partition_with_records_in_work_whose_offset_does_not_move_stands_still() -> None:
    now = [0.0]
    progress: Progress[str] = Progress(lambda: now[0])
    found = {"posts": Offsets(5, 7, 9), "tagged": Offsets(3, 3, 3)}
    assert progress.look(found) == ""
    now[0] = STILL - 1
    assert progress.look(found) == ""
    now[0] = STILL
    assert progress.look(found) == "posts stands still at offset 5"


def test_one_that_gets_records_and_delivers_none_stands_still_from_the_first_of_them_on() -> None:
    now = [0.0]
    progress: Progress[str] = Progress(lambda: now[0])
    progress.look({"posts": Offsets(5, 5, 5)})
    now[0] = 10 * STILL  # nothing came for long
    assert progress.look({"posts": Offsets(5, 5, 6)}) == ""
    now[0] += STILL
    assert progress.look({"posts": Offsets(5, 5, 8)}) == "posts stands still at offset 5"


def test_one_whose_records_are_gone_from_the_log_does_not() -> None:
    """The committed offset is before the log's begin, and nothing new comes: there is nothing to deliver."""
    now = [0.0]
    progress: Progress[str] = Progress(lambda: now[0])
    for _ in range(10):
        assert progress.look({"posts": Offsets(5, 5, 9)}) == ""
        now[0] += STILL


def test_one_that_moves_or_was_not_ours_for_a_moment_does_not() -> None:
    now = [0.0]
    progress: Progress[str] = Progress(lambda: now[0])
    for offset in range(5):
        now[0] += STILL - 1
        assert progress.look({"moves": Offsets(offset, offset + 3, 99)}) == ""
    progress.look({})  # a rebalance, or Kafka is away
    assert progress.look({"moves": Offsets(4, 7, 99)}) == ""
    now[0] += STILL - 1
    assert progress.look({"moves": Offsets(4, 7, 99)}) == ""
