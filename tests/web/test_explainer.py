"""`POST /classify` uses its model in one thread, whatever becomes of the calls."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.classifier.model import Classifier, Explanation
from tweetream.classifier.pipeline import TextClassifier
from tweetream.text import Cleaner
from tweetream.web.explainer import MAX_CALLS, Explainer
from tweetream.web.problems import Problem


class Gated:
    """A classifier that stops at each text until it is let on, and knows how many threads are in it."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.entered: asyncio.Queue[str] = asyncio.Queue()
        self.inside = self.most = 0
        self.seen: list[str] = []
        self._loop = asyncio.get_running_loop()

    def explain(self, text: str) -> Explanation:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.seen.append(text)
        self._loop.call_soon_threadsafe(self.entered.put_nowait, text)
        assert self.gate.acquire(timeout=20)
        self.inside -= 1
        return Explanation(text, 1, 0, 0, [])


@pytest.fixture
async def gated() -> AsyncIterator[Gated]:
    classifier = Gated()
    yield classifier
    classifier.gate.release(10_000)  # no thread is left behind


def explainer_of(classifier: Any) -> Explainer:
    return Explainer(lambda: classifier)


async def cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_cancelled_call_keeps_the_model_until_its_text_ends(gated: Gated) -> None:
    """Stops two threads in one word table: half of all later answers were wrong."""
    explainer = explainer_of(gated)
    first = asyncio.create_task(explainer.explain(["one", "never"]))
    await gated.entered.get()
    await cancel(first)
    second = asyncio.create_task(explainer.explain(["two"]))
    await asyncio.sleep(0)
    assert gated.seen == ["one"]
    gated.gate.release(2)
    assert [answer.label for answer in await second] == ["two"]
    assert gated.most == 1 and gated.seen == ["one", "two"]


async def test_a_full_queue_is_503_and_a_cancelled_call_keeps_its_place_until_it_ends(gated: Gated) -> None:
    """Else clients that leave at once could fill the memory with texts."""
    explainer = explainer_of(gated)
    tasks = [asyncio.create_task(explainer.explain([str(number)])) for number in range(MAX_CALLS)]
    await gated.entered.get()
    for task in tasks:
        await cancel(task)
    with pytest.raises(Problem) as full:
        await explainer.explain(["late"])
    assert full.value.status == 503 and int(full.value.headers["Retry-After"]) > 0
    gated.gate.release(2)
    while True:  # the thread skips the cancelled calls, one after the other
        with contextlib.suppress(Problem):
            assert [answer.label for answer in await explainer.explain(["late"])] == ["late"]
            break
        await asyncio.sleep(0.001)
    assert gated.seen == ["0", "late"]


async def test_many_cancelled_calls_leave_all_later_answers_right() -> None:
    words = [f"kata{number}" for number in range(6_000)]
    texts = [" ".join(words[begin : begin + 60]) for begin in range(0, 6_000, 60)]

    def fresh() -> TextClassifier:
        return TextClassifier(Classifier.load(), Cleaner())

    def plain(answers: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(found.label, found.score, found.decision, found.bias, found.words) for found in answers]

    explainer = explainer_of(fresh())
    await explainer.explain([])
    for begin in range(40):
        call = asyncio.create_task(explainer.explain(texts[begin:] + texts[:begin]))
        await asyncio.sleep(0.001)
        with contextlib.suppress(Problem):  # on a busy machine those before it may have all places
            await cancel(call)
    answers = None
    while answers is None:
        with contextlib.suppress(Problem):
            answers = await explainer.explain(texts)
        await asyncio.sleep(0.001)
    alone = fresh()
    assert plain(answers) == plain([alone.explain(text) for text in texts])


async def test_a_model_that_cannot_be_loaded_is_tried_again_at_the_next_call() -> None:
    failed: list[bool] = []

    def load() -> TextClassifier:
        if not failed:
            failed.append(True)
            raise Problem(503, "no model")
        return TextClassifier(Classifier.load(), Cleaner())

    explainer = Explainer(load)
    with pytest.raises(Problem, match="no model"):
        await explainer.explain(["macet"])
    assert (await explainer.explain(["macet"]))[0].label == "traffic"


async def test_the_thread_rests_after_work_and_longer_after_a_long_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops long texts from doubling the time that posts take to all readers: threads share one interpreter."""
    now, rests = [0.0], list[float]()

    class Slow:
        def explain(self, text: str) -> Explanation:
            now[0] += len(text) / 1000
            return Explanation(text, 1, 0, 0, [])

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("tweetream.web.explainer.time", SimpleNamespace(perf_counter=lambda: now[0], sleep=sleep))
    await explainer_of(Slow()).explain(["x" * 20, "x", "x", "x" * 30, "x"])
    assert rests == pytest.approx([0.060, 0.096]), "short texts wait for none"
    rests.clear()
    await explainer_of(Slow()).explain(["xx"] * 7)
    assert rests == pytest.approx([0.006, 0.006])
