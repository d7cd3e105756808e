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
from tweetream.text import BadAbbreviations
from tweetream.web.middleware import Problem, json_response
from tweetream.web.schemas import ClassifyAnswer, ClassifyBody

if TYPE_CHECKING:
    from tweetream.classifier.pipeline import TextClassifier


class _Model:
    """The served model, used by one thread at a time."""

    def __init__(self) -> None:
        self._served: TextClassifier | None = None
        self._turn = asyncio.Lock()

    async def explain(self, texts: Sequence[str]) -> list[ClassifyAnswer]:
        async with self._turn:
            return await asyncio.to_thread(self._explain, texts)

    def _explain(self, texts: Sequence[str]) -> list[ClassifyAnswer]:
        from tweetream.classifier.model import BadModel
        from tweetream.classifier.pipeline import load

        if self._served is None:
            try:
                self._served = load(settings)
            except (BadModel, BadAbbreviations) as error:  # replaced since the worker started, which has the old ones
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
