"""Few posts stay in one partition, so that feeds keep their order; many are spread over all."""

from tweetream.ingest.spread import FAST, Spread


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def chosen(spread: Spread, clock: Clock, *, rate: float, every: float, seconds: float) -> list[int]:
    found = []
    for _ in range(round(seconds / every)):
        clock.now += every
        found.append(spread.next(round(rate * every)))
    return found


def test_batches_stay_in_the_partition_of_the_last_run_while_posts_are_few() -> None:
    clock = Clock()
    spread = Spread(8, 5, clock)
    assert set(chosen(spread, clock, rate=FAST - 100, every=0.05, seconds=30)) == {5}
    assert set(chosen(spread, clock, rate=1, every=1, seconds=100)) == {5}


def test_batches_go_to_each_partition_in_turn_while_posts_come_fast_and_stay_again_after() -> None:
    clock = Clock()
    spread = Spread(4, 0, clock)
    fast = chosen(spread, clock, rate=5 * FAST, every=0.04, seconds=4)[25:]
    assert fast == [(fast[0] + nth) % 4 for nth in range(len(fast))]
    slow = chosen(spread, clock, rate=FAST / 2, every=0.05, seconds=5)[20:]
    assert len(set(slow)) == 1


def test_one_batch_of_many_posts_after_a_pause_moves_on_only_once() -> None:
    clock = Clock()
    spread = Spread(4, 0, clock)
    assert spread.next(600) == 0
    clock.now += 0.1
    assert spread.next(600) == 1
    clock.now += 5
    assert spread.next(600) == 1
