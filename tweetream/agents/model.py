"""The classifier of this worker: loaded in a thread when the worker is up, and asked for the labels of posts."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from tweetream.app import app, settings
from tweetream.kafka.producer import Abandoned
from tweetream.models.model_info import ModelInfo
from tweetream.topology import services

if TYPE_CHECKING:
    from tweetream.classifier.model import Classifier

log = logging.getLogger(__name__)
SLICE = 300  # posts that are classified before others have their turn: 3 ms
Predicted = tuple[list[str | None], list[float | None]]  # of each text its label, and the probability of that


class Model:
    """The classifier. Only the agents that classify use it."""

    def __init__(self) -> None:
        self._loading: asyncio.Future[Classifier] | None = None

    async def get(self) -> "Classifier":
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(_load))
        try:
            found = await asyncio.shield(self._loading)
            services.model = ModelInfo(found.name, found.digest, found.labels, found.threshold)
            services.model_known.set()
            return found
        except (OSError, MemoryError, RuntimeError):  # this machine lacks something: the next call tries again
            self._loading = None
            raise

    async def predict(self, texts: Sequence[str]) -> Predicted:
        """As the classifier's, slice by slice: streams get their events meanwhile."""
        classifier = await self.get()
        labels, scores = classifier.predict(texts[:SLICE])
        for start in range(SLICE, len(texts), SLICE):
            await asyncio.sleep(0)
            more = classifier.predict(texts[start : start + SLICE])
            labels += more[0]
            scores += more[1]
        return labels, scores


def _load() -> "Classifier":
    from tweetream.classifier.model import BadModel, Classifier

    try:
        found = Classifier.load(settings.model, settings.threshold)
        log.info("model %s, SHA-256 %s", settings.model or "as shipped", found.digest)
        return found
    except BadModel as error:
        app.abort(f"TWEETREAM_MODEL: {error}" if settings.model else str(error))
        raise Abandoned("there is no model") from None


@cache
def model() -> Model:
    """The worker's one model."""
    return Model()


@app.task
async def load() -> None:
    """Load the model before the first post comes."""
    with contextlib.suppress(Abandoned):
        await model().get()
