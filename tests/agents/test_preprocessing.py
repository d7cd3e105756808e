"""A batch is matched when this worker knows the topics that were there when it was read, and split to fit Kafka."""

import asyncio
import threading
from collections.abc import Mapping

import pytest

from tweetream.agents import preprocessing
from tweetream.agents.preprocessing import Tagger, encoded, words_of
from tweetream.kafka.producer import Abandoned
from tweetream.matching import Matcher
from tweetream.models import codec
from tweetream.models.post import Post, PostBatch, TaggedBatch, TaggedPost
from tweetream.models.topic import Topic
from tweetream.text import Cleaner
from tweetream.topology import topics_table

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
    monkeypatch.setattr(topics_table, "applied_within", waits)
    return waits


async def test_a_command_that_does_not_come_is_waited_for_once(waits: Waits) -> None:
    tagger = Tagger(Cleaner(None))
    await tagger.catch_up(COMMAND, lambda: True)
    await tagger.catch_up(COMMAND, lambda: True)
    assert waits.began == 1


async def test_ever_new_commands_are_not_all_waited_for(waits: Waits) -> None:
    """Against forged batches that each name another command: each would have stopped its worker for 15 s."""
    tagger = Tagger(Cleaner(None))
    for command in range(COMMAND, COMMAND + 100):
        await tagger.catch_up(command, lambda: True)
    assert waits.began == preprocessing.MOST_WAITS


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


class Table:
    """Stands for the topics table: what it holds, and how often it changed."""

    def __init__(self) -> None:
        self.version, self.applied = 0, -1
        self.tracks: dict[str, tuple[str, ...]] = {}

    def apply(self, command: int, name: str, *track: str) -> None:
        self.tracks[name] = track
        self.applied, self.version = command, self.version + 1

    def alive(self) -> list[Topic]:
        return [Topic(name, track, 1, 1, name, 1) for name, track in self.tracks.items()]


class Builds:
    """Stands for Matcher: each build is held until it may go on, and its thread is noted."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, topics: Mapping[str, tuple[str, ...]]) -> Matcher:
        if topics:
            self.threads.append(threading.get_ident())
            assert self.free.wait(10)
        return Matcher(topics)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table()
    monkeypatch.setattr(preprocessing, "topics_table", table)
    return table


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    builds = Builds()
    monkeypatch.setattr(preprocessing, "Matcher", builds)
    return builds


def batch(*texts: str) -> PostBatch:
    return PostBatch(1, 1, -1, {}, [Post(str(number), "replay", text, 1, 1) for number, text in enumerate(texts)])


async def test_a_batch_is_never_matched_with_topics_older_than_its_command(table: Table, builds: Builds) -> None:
    tagger = Tagger(Cleaner(None))
    for command in range(3):
        table.apply(command, f"feed{command}", "macet")
        await tagger.catch_up(command, lambda: True)
        tagged = tagger.tag(batch("Macet!"))
        assert (tagged.command, tagged.feeds) == (command, [f"feed{number}" for number in range(command + 1)])


async def test_a_batch_is_matched_with_every_topic_that_its_worker_knows(table: Table, builds: Builds) -> None:
    """A topic is added before the worker that reads the sources knows so: its posts must not be missed."""
    tagger = Tagger(Cleaner(None))
    for command in range(3):
        table.apply(command, f"feed{command}", "macet")
        await tagger.catch_up(-1, lambda: True)
        assert len(tagger.tag(batch("macet")).feeds) == command + 1


async def test_the_loop_is_free_while_a_thread_builds(table: Table, builds: Builds) -> None:
    tagger = Tagger(Cleaner(None))
    builds.free.clear()
    table.apply(1, "feed", "macet")
    waits = asyncio.create_task(tagger.catch_up(1, lambda: True))
    while not builds.threads:
        await asyncio.sleep(0.01)
    assert not waits.done() and threading.get_ident() not in builds.threads
    builds.free.set()
    await waits
    assert tagger.tag(batch("macet")).feeds == ["feed"]


async def test_a_thousand_changes_are_gathered_in_few_builds(table: Table, builds: Builds) -> None:
    tagger = Tagger(Cleaner(None))
    batches = []
    for command in range(1_000):
        table.apply(command, f"feed{command}", f"word{command}")
        batches.append(asyncio.create_task(tagger.catch_up(command, lambda: True)))
        await asyncio.sleep(0)
    await asyncio.gather(*batches)
    assert tagger.tag(batch("word0 word999")).feeds == ["feed0", "feed999"]
    assert len(builds.threads) < 50


async def test_a_cancelled_wait_leaves_the_build_to_the_others(table: Table, builds: Builds) -> None:
    tagger = Tagger(Cleaner(None))
    builds.free.clear()
    table.apply(1, "feed", "macet")
    first, other = (asyncio.create_task(tagger.catch_up(1, lambda: True)) for _ in range(2))
    while not builds.threads:
        await asyncio.sleep(0.01)
    first.cancel()
    builds.free.set()
    await other
    assert len(builds.threads) == 1 and tagger.tag(batch("macet")).feeds == ["feed"]


async def test_a_long_post_does_not_hold_the_loop(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger, threads = Tagger(Cleaner(None)), list[int]()
    table.apply(1, "feed", "macet")
    await tagger.catch_up(1, lambda: True)
    tag = tagger.tag

    def noted(batch: PostBatch) -> TaggedBatch:
        threads.append(threading.get_ident())
        return tag(batch)

    monkeypatch.setattr(tagger, "tag", noted)
    for text in ("macet", "macet " + "\ufdfa" * 20_000):
        assert (await tagger.tagged(batch(text))).feeds == ["feed"]
    assert [thread == threading.get_ident() for thread in threads] == [False], "the short one is no work for a thread"


async def test_many_posts_are_tagged_slice_by_slice(table: Table) -> None:
    """Streams get their events between two slices; the posts are those that one call gives."""
    tagger, turns = Tagger(Cleaner(None)), 0
    table.apply(1, "feed", "macet")
    await tagger.catch_up(1, lambda: True)
    many = batch(*(f"macet {number}" if number % 3 else "kopi" for number in range(4 * preprocessing.SLICE)))

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    found = await tagger.tagged(many)
    counting.cancel()
    assert found == tagger.tag(many) and len(found.posts) == len(many.posts) * 2 // 3
    assert turns >= 3


async def test_a_forged_command_does_not_end_the_waits_for_real_ones(waits: Waits) -> None:
    tagger = Tagger(Cleaner(None))
    for command in (2**62, COMMAND, 2**62, COMMAND + 1):
        await tagger.catch_up(command, lambda: True)
    assert waits.began == 3


async def test_a_record_that_does_not_decode_is_no_gap_for_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: junk between the batches would make the worker search Kafka for the epoch before each of them."""
    asked = []

    async def epoch_before(partition: int, offset: int, still_assigned: object) -> int:
        asked.append(offset)
        return 7

    monkeypatch.setattr(preprocessing, "_epoch_before", epoch_before)
    tagger = Tagger(Cleaner(None))
    assert not await tagger.check_fence(0, 5, 7, lambda: True)
    tagger.pass_over(0, 6)
    assert await tagger.check_fence(0, 7, 6, lambda: True)
    assert asked == [5]
