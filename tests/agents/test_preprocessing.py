"""A batch is matched when this worker knows the topics that were there when it was read, and split to fit Kafka."""

import pytest

from tweetream.agents import preprocessing
from tweetream.agents.preprocessing import Tagger, encoded, words_of
from tweetream.kafka.producer import Abandoned
from tweetream.models import codec
from tweetream.models.post import Post, TaggedBatch, TaggedPost
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


def test_a_tagged_batch_is_split_until_each_record_fits_or_has_one_post() -> None:
    posts = [
        TaggedPost(index, Post(f"t:{index}", "t", "x" * (5_000 if index == 7 else 100), 1, 1), "x", (0,))
        for index in range(20)
    ]
    batch = TaggedBatch(3, 4, 5, ["t-feed-a-1"], posts)
    records = list(encoded(batch, 1_000))
    assert [len(record) > 1_000 for record in records].count(True) == 1, "the long post alone"
    parts = [codec.decode(record, TaggedBatch) for record in records]
    assert [post for part in parts for post in part.posts] == posts, "in order, with their stamps"
    assert {(part.epoch, part.sequence, part.command, *part.feeds) for part in parts} == {(3, 4, 5, "t-feed-a-1")}
    assert list(encoded(batch, 1_000_000)) == [codec.encode(batch)]
