"""A fault counts when it has lasted; a worker that has never been ready is not ready with any fault."""

from tweetream.engine.health import HOPELESS, PATIENCE, Health


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ready(clock: Clock) -> Health:
    health = Health(clock)
    health.note("", "")
    return health


def test_a_worker_that_has_never_been_ready_is_not_ready_with_any_fault() -> None:
    health = Health(Clock())
    health.note("", "starting")
    assert health.unready() == "starting" and health.unable() == ""
    health.note("", "")
    assert health.unready() == ""


def test_kafka_away_makes_a_worker_unready_after_ten_seconds_and_never_dead() -> None:
    clock = Clock()
    health = ready(clock)
    health.note("away", "rebalancing", since=clock.now)
    clock.now += PATIENCE - 0.1
    assert health.unready() == "", "an election is no fault"
    clock.now += 0.2
    assert health.unready() == "away"
    clock.now += 10 * HOPELESS
    health.note("away", "rebalancing", since=1000.0)
    assert health.unready() == "away" and health.unable() == "", "a restart brings no Kafka"


def test_a_fault_that_comes_and_goes_makes_no_probe_flap() -> None:
    clock = Clock()
    health = ready(clock)
    for _ in range(20):
        health.note("", "rebalancing")
        clock.now += PATIENCE - 1
        assert health.unready() == ""
        health.note("", "")
        clock.now += 1


def test_a_fault_of_the_worker_itself_is_counted_from_kafkas_return() -> None:
    clock = Clock()
    health = ready(clock)
    health.note("away", "rebalancing", since=clock.now)
    clock.now += 60
    health.note("", "rebalancing")
    assert health.unready() == ""
    clock.now += PATIENCE
    assert health.unready() == "rebalancing" and health.unable() == ""
    clock.now += HOPELESS - PATIENCE
    assert health.unable() == "rebalancing"


def test_a_loop_that_was_held_for_long_is_said_at_once_when_it_runs_again() -> None:
    clock = Clock()
    health = ready(clock)
    health.note("", "", held="held", held_for=PATIENCE + 1)
    assert health.unready() == "held"
    health.note("", "")
    assert health.unready() == ""
