"""Why a label: the words shown, and that what is left together loses nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.browser import page_modules

pytestmark = pytest.mark.node


def weighed(folder: Path, words: list[tuple[str, float]], bias: float) -> list[dict[str, Any]]:
    answer = json.dumps({"words": words, "bias": bias})
    script = f'import {{ weighed }} from "./why.js"; console.log(JSON.stringify(weighed({answer})));'
    return page_modules.run(folder, script)


def test_words_come_strongest_first_whichever_side_they_speak_for(tmp_path: Path) -> None:
    assert weighed(tmp_path, [("a", 0.25), ("b", -0.5), ("c", 0.125)], 2.0) == [
        {"word": "b", "weight": -0.5},
        {"word": "a", "weight": 0.25},
        {"word": "c", "weight": 0.125},
        {"bias": True, "weight": 2.0},
    ]


def test_a_word_that_comes_twice_is_one_row_with_both_weights(tmp_path: Path) -> None:
    assert weighed(tmp_path, [("macet", 0.5), ("oke", 0.25), ("macet", 0.5)], 0)[0] == {"word": "macet", "weight": 1.0}


def test_the_weak_ones_of_many_words_are_one_row_so_that_the_sum_stays(tmp_path: Path) -> None:
    words = [(f"word{number}", (-1) ** number * number / 8) for number in range(40)]
    rows = weighed(tmp_path, words, -1.0)
    assert len(rows) == 14 and rows[-2]["others"] == 28
    assert sum(row["weight"] for row in rows) == sum(weight for _, weight in words) - 1.0


def test_a_post_without_a_known_word_has_where_the_model_starts_alone(tmp_path: Path) -> None:
    assert weighed(tmp_path, [], 0.5) == [{"bias": True, "weight": 0.5}]
