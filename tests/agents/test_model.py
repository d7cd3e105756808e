"""The worker's classifier gives others their turn between the slices of a batch."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.agents.model import SLICE, Model


async def test_a_large_batch_is_classified_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes = Model(), list[int]()

    def predict(texts: list[str]) -> Any:
        sizes.append(len(texts))
        asyncio.get_running_loop().call_soon(sizes.append, 0)  # what waits for its turn
        return [text.upper() for text in texts], [0.5] * len(texts)

    async def get() -> Any:
        return SimpleNamespace(predict=predict)

    monkeypatch.setattr(model, "get", get)
    texts = [f"a{number}" for number in range(2 * SLICE + 1)]
    labels, scores = await model.predict(texts)
    assert labels == [text.upper() for text in texts] and len(scores) == len(texts)
    assert sizes == [SLICE, 0, SLICE, 0, 1]
