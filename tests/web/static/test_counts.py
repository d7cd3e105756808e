"""What the charts draw: the server's counts of several topics, added up and put in order."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.browser import page_modules

pytestmark = pytest.mark.node
Minutes = list[dict[str, Any]]


def summed(folder: Path, *topics: Minutes) -> dict[str, Any]:
    return page_modules.run(
        folder,
        f"""
        import {{ stacked, summed }} from "./counts.js";
        const sums = summed({json.dumps(topics)});
        console.log(JSON.stringify({{ ...sums, heights: stacked(sums.series) }}));
        """,
    )


def minutes(*labels: dict[str, int]) -> Minutes:
    return [{"minute": f"2026-01-01T00:0{at}:00.000Z", "labels": counts} for at, counts in enumerate(labels)]


def test_topics_are_added_up_by_minute_and_label(tmp_path: Path) -> None:
    first = minutes({"traffic": 1}, {}, {"traffic": 2, "non_traffic": 4})
    second = minutes({"traffic": 8, "non_traffic": 16}, {}, {})
    sums = summed(tmp_path, first, second)
    assert sums["series"] == [
        {"label": "traffic", "counts": [9, 0, 2], "total": 11},
        {"label": "non_traffic", "counts": [16, 0, 4], "total": 20},
    ]
    assert sums["total"] == 31
    assert sums["heights"] == [[9, 0, 2], [25, 0, 6]], "each on top of those before it"
    assert [after - before for before, after in zip(sums["minutes"], sums["minutes"][1:], strict=False)] == [60_000] * 2


def test_a_topic_whose_minutes_began_a_minute_later_adds_to_the_same_minutes(tmp_path: Path) -> None:
    early, late = minutes({"a": 1}, {"a": 2}), minutes({}, {"a": 4}, {"a": 8})[1:]
    assert summed(tmp_path, early, late)["series"] == [{"label": "a", "counts": [1, 6, 8], "total": 15}]


def test_sources_are_added_up_and_the_one_that_gave_most_comes_first(tmp_path: Path) -> None:
    first = [{**minute, "sources": {"x": 1, "bluesky": 2}} for minute in minutes({}, {})]
    second = [{**minute, "sources": {"x": 8}} for minute in minutes({})]
    assert summed(tmp_path, first, second)["sources"] == [
        {"source": "x", "total": 10},
        {"source": "bluesky", "total": 4},
    ]


def test_many_labels_are_the_most_frequent_and_a_rest_that_loses_no_post(tmp_path: Path) -> None:
    counts = {f"label{number}": 10 + number for number in range(9)}
    sums = summed(tmp_path, minutes(counts))
    assert [one["label"] for one in sums["series"]] == [*(f"label{number}" for number in range(4, 9)), ""]
    assert sums["series"][-1]["total"] == sum(10 + number for number in range(4))
    assert sums["total"] == sum(counts.values())


def test_nothing_counted_is_no_series_and_a_minute_that_is_no_time_no_minute(tmp_path: Path) -> None:
    assert summed(tmp_path) == {"minutes": [], "series": [], "total": 0, "sources": [], "heights": []}
    assert summed(tmp_path, [{"minute": "soon", "labels": {"a": 1}}])["total"] == 0
