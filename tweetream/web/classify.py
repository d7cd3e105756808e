"""`POST /classify`: the label of each text, and the words that decided. It changes nothing and needs no token.

`GET /model` tells which model does it.

It costs CPU, so pages of other sites may not call it through their visitors, and the rate of each client is limited.
The model is not the agent's own: a hundred long texts do not delay the feeds.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.sources import MAX_TEXT
from tweetream.text import BadAbbreviations
from tweetream.web.auth import is_own_origin
from tweetream.web.body import read_body
from tweetream.web.call_rate import CallRate
from tweetream.web.explainer import Explainer
from tweetream.web.labels import known_model
from tweetream.web.limits import ClientAddresses
from tweetream.web.problems import Problem
from tweetream.web.query import flag, only
from tweetream.web.responses import json_response
from tweetream.web.schemas import ClassifyBody, ModelAnswer

if TYPE_CHECKING:
    from tweetream.classifier.pipeline import TextClassifier

BURST, PER_SECOND = 200, 20.0  # calls of one address


def _load() -> "TextClassifier":
    from tweetream.classifier.model import BadModel
    from tweetream.classifier.pipeline import load

    try:
        return load(settings)
    except (BadModel, BadAbbreviations) as error:  # a file was replaced after the worker started
        raise Problem(503, str(error), {"Retry-After": "60"}) from None


class _Service:
    """What this worker's calls share."""

    def __init__(self) -> None:
        self.explainer = Explainer(_load)
        self.rate = CallRate(BURST, PER_SECOND)
        self.addresses = ClientAddresses(settings.trusted_proxies)


@cache
def _service() -> _Service:
    return _Service()


def texts_of(content: bytes) -> list[str]:
    """The texts of a request's body. Raises Problem."""
    try:
        texts = msgspec.json.decode(content, type=ClassifyBody).texts
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, str(error)) from None
    for number, text in enumerate(texts, 1):
        if len(text) > MAX_TEXT or len(text.encode()) > MAX_TEXT:
            raise Problem(413, f"text {number} has more than {MAX_TEXT // 1024} KiB")
    return texts


@app.page("/classify")
class Classify(View):
    """Labels, scores, and the words that decided."""

    @override
    async def post(self, request: Any) -> web.StreamResponse:
        service = _service()
        only(request, "scores")
        if not is_own_origin(request, settings):
            raise Problem(403, "pages of this origin may not classify texts")
        service.rate.take(service.addresses.of(request))
        scores = flag(request, "scores")
        return json_response(await service.explainer.explain(texts_of(await read_body(request)), scores))


@app.page("/model")
class Model(View):
    """Which model classifies the posts."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        only(request)
        model = await known_model()
        return json_response(ModelAnswer(model.name, model.sha256, list(model.labels), model.threshold))
