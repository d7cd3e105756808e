"""`POST /classify`: the label of each text, and which words decided. Changes nothing and needs no token.

The model is loaded when it is first asked for, apart from the agent's: both remember words, and this one works in a
thread, so that a hundred long texts do not hold up the feeds.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from faust.web import View

from tweetream.app import app, settings
from tweetream.text import Cleaner, load_abbreviations
from tweetream.web.answers import ClassifyAnswer, ClassifyBody
from tweetream.web.middleware import Problem, json_response

if TYPE_CHECKING:
    from tweetream.serving import Served


class _Model:
    """The served model, used by one thread at a time."""

    def __init__(self) -> None:
        self._served: Served | None = None
        self._turn = asyncio.Lock()

    async def explain(self, texts: Sequence[str]) -> list[ClassifyAnswer]:
        async with self._turn:
            return await asyncio.to_thread(self._explain, texts)

    def _explain(self, texts: Sequence[str]) -> list[ClassifyAnswer]:
        from tweetream.classifier import BadModel, Classifier
        from tweetream.serving import Served

        if self._served is None:
            abbreviations = load_abbreviations(settings.abbreviations) if settings.abbreviations else {}
            try:
                self._served = Served(Classifier.load(settings.model), Cleaner(abbreviations))
            except BadModel as error:  # replaced since the worker started; the agent goes on with what it has
                raise Problem(503, str(error)) from None
        return [ClassifyAnswer(*self._served.explain(text)) for text in texts]


model = _Model()


@app.page("/classify")
class Classify(View):
    """Labels, scores, and why."""

    async def post(self, request: Any) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read(), type=ClassifyBody)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, str(error)) from None
        return json_response(await model.explain(body.texts))
