"""Explains texts in a thread of its own, for `POST /classify`. Imports no Faust.

One thread reads and fills the model's memory of words, whatever becomes of the calls. A call that ends early, as when
its client leaves, is skipped or stopped after the text in work. It keeps its place in the queue until then, so the
queue bounds the thread's work and the texts in memory.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tweetream.web.problems import Problem
from tweetream.web.schemas import ClassifyAnswer

if TYPE_CHECKING:
    from tweetream.classifier.model import Explanation
    from tweetream.classifier.pipeline import TextClassifier

LONG = 0.005  # seconds of work without a pause; most texts take a twentieth of that
REST, LONG_REST = 1, 3  # times as long as the work is the pause; the second one after a text that took so long alone
MAX_CALLS = 16  # at once, the one in work included


class Explainer:
    """A classifier, loaded at the first call and used by one thread."""

    def __init__(self, load: Callable[[], "TextClassifier"]) -> None:
        """`load` raises Problem if there is no model."""
        self._load = load
        self._classifier: TextClassifier | None = None
        self._thread = ThreadPoolExecutor(1, "classify")
        self._places = threading.BoundedSemaphore(MAX_CALLS)

    async def explain(self, texts: Sequence[str], scores: bool = False) -> list[ClassifyAnswer]:
        """The answer for each text, with all labels' scores if wanted. Raises Problem when too many calls wait."""
        if not self._places.acquire(blocking=False):
            raise Problem(503, "too many texts wait for the classifier", {"Retry-After": "1"})
        abandoned = threading.Event()
        try:
            call = asyncio.wrap_future(self._thread.submit(self._run, texts, scores, abandoned))
        except RuntimeError:  # the worker ends
            self._places.release()
            raise Problem(503, "the worker is shutting down", {"Retry-After": "5"}) from None
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            abandoned.set()
            raise

    def _run(self, texts: Sequence[str], scores: bool, abandoned: threading.Event) -> list[ClassifyAnswer]:
        try:
            if self._classifier is None:
                self._classifier = self._load()
            answers = []
            began = time.perf_counter()
            for text in texts:
                if abandoned.is_set():
                    break
                text_began = time.perf_counter()
                answers.append(_answer(self._classifier.explain(text), scores))
                # One interpreter serves all threads: streams get as much of it as the texts take, or more.
                now = time.perf_counter()
                if (took := now - began) > LONG:
                    time.sleep(took * (LONG_REST if now - text_began > LONG else REST))
                    began = time.perf_counter()
            return answers
        finally:
            self._places.release()


def _answer(found: "Explanation", scores: bool) -> ClassifyAnswer:
    answer = ClassifyAnswer(found.label, found.score, found.decision, found.bias, found.words)
    if scores:
        answer.scores = found.scores
    return answer
