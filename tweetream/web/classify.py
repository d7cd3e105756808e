"""`POST /classify`: the label of each text, and the words that decided. It changes nothing and needs no token.

The model is loaded at the first request and is not the agent's own: both have a cache of words, and this one runs in a
thread, so that a hundred long texts do not delay the feeds.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.settings import Settings
from tweetream.text import BadAbbreviations
from tweetream.web.problems import Problem
from tweetream.web.responses import json_response
from tweetream.web.schemas import ClassifyAnswer, ClassifyBody

if TYPE_CHECKING:
    from tweetream.classifier.pipeline import TextClassifier


class _Explainer:
    """The served model, used by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._served: TextClassifier | None = None
        self._lock = asyncio.Lock()

    async def explain(self, texts: Sequence[str]) -> list[ClassifyAnswer]:
        async with self._lock:
            return await asyncio.to_thread(self._explain, texts)

    def _explain(self, texts: Sequence[str]) -> list[ClassifyAnswer]:
        from tweetream.classifier.model import BadModel
        from tweetream.classifier.pipeline import load

        if self._served is None:
            try:
                self._served = load(self._settings)
            except (BadModel, BadAbbreviations) as error:  # a file was replaced after the worker started
                raise Problem(503, str(error)) from None
        return [ClassifyAnswer(*self._served.explain(text)) for text in texts]


@cache
def _explainer() -> _Explainer:
    return _Explainer(settings)


@app.page("/classify")
class Classify(View):
    """Labels, scores, and the words that decided."""

    @override
    async def post(self, request: Any) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read(), type=ClassifyBody)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, str(error)) from None
        return json_response(await _explainer().explain(body.texts))
