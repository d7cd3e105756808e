"""How long records gather: not while writing each at once costs little; a tenth of a second under load."""

from tweetream.feeds.pace import LONGEST, Pace


def last_pause(rate: int, cpu: float) -> float:
    """The pause after three seconds of records at `rate` a second; a flush takes `cpu` seconds, however many it has."""
    pace, pause, sent = Pace(), 0.0, 0
    for number in range(1, 3 * rate):
        if (number - sent) / rate > pause:
            pause = pace.pause(number - sent, cpu, number / rate)
            sent = number
    return pause


def test_few_events_to_few_clients_are_written_at_once() -> None:
    assert last_pause(20, 0.0015) == 0


def test_many_events_gather() -> None:
    assert last_pause(200, 0.0015) == LONGEST


def test_events_to_many_clients_gather() -> None:
    assert last_pause(20, 0.013) == LONGEST


def test_a_burst_after_silence_is_written_at_once() -> None:
    pace = Pace()
    assert pace.pause(1, 0.01, 60.0) == 0


def test_load_that_ends_is_forgotten() -> None:
    pace = Pace()
    assert pace.pause(1_000, 0.01, 1.0) == LONGEST
    assert pace.pause(1, 0.001, 12.0) == 0


def test_between_the_two_the_pause_grows_with_the_cost() -> None:
    pace = Pace()
    assert 0 < pace.pause(5, 0.015, 1.0) < LONGEST
