"""A batch is matched only when this worker knows the topics that were there when the batch was read."""

import pytest

from tweetream.agents import preprocessing
from tweetream.agents.preprocessing import Tagger, words_of
from tweetream.kafka.producer import Abandoned
from tweetream.models.post import Post
from tweetream.text import Cleaner

COMMAND = 1_000_000  # an offset that no test applies


class Waits:
    """Stands for the wait for a command, which ends without it."""

    def __init__(self) -> None:
        self.began = 0

    async def __call__(self, command: int, timeout: float) -> bool:
        self.began += 1
        return False


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    waits = Waits()
    monkeypatch.setattr(preprocessing, "wait_applied", waits)
    return waits


async def test_a_command_that_does_not_come_is_waited_for_once(waits: Waits) -> None:
    tagger = Tagger(Cleaner(None))
    await tagger.catch_up(COMMAND, lambda: True)
    await tagger.catch_up(COMMAND, lambda: True)
    assert waits.began == 1


async def test_a_wait_that_a_rebalance_ends_leaves_the_batch_to_come_again_and_be_waited_for(waits: Waits) -> None:
    tagger = Tagger(Cleaner(None))
    for turn in (1, 2):
        with pytest.raises(Abandoned):
            await tagger.catch_up(COMMAND, lambda: False)
        assert waits.began == turn, "the posts of a topic that is not known yet would match nothing"


def test_words_beside_the_text_count_for_matching() -> None:
    post = Post("x:1", "x", "Lihat ini!", None, 1, also="Banjir di #Kemang\nhttps://a.example")
    assert words_of(post) == "lihat ini banjir di kemang"
