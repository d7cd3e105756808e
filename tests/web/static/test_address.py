"""The address of the page says what is seen, whatever stands in it."""

from pathlib import Path

import pytest
from support.browser import page_modules

pytestmark = pytest.mark.node


def test_topics_and_filters_come_back_from_the_address_they_made(tmp_path: Path) -> None:
    seen = page_modules.run(
        tmp_path,
        """
        import { addressOf, filterOf, placeText, places, serverQuery, toggled, topicsOf } from "./address.js";
        const filter = { label: "a&b=c", minScore: 0.85, text: "tol #1 é" };
        const address = new URL(addressOf(["jakarta", "bandung"], filter), "http://localhost");
        console.log(JSON.stringify({
          again: [topicsOf(address.hash), filterOf(address.search)], filter,
          query: serverQuery(filter), none: addressOf(["a"], filterOf("")),
          odd: ["#a,,a, b", "#%E0%A4%A", "#" + "x,".repeat(3), "#<b>", ""].map(topicsOf),
          scores: ["2", "-1", "x", "", "0.999", "1"].map((score) => filterOf(`?min_score=${score}`).minScore),
          most: topicsOf("#" + [...Array(30).keys()].join(",")).length,
          toggled: [toggled(["a", "b"], "a"), toggled(["a"], "b")],
          places: places("a@k9:12,b@x:0,nothing"), place: placeText("a", { generation: "k9", offset: 13 }),
        }));
        """,
    )
    assert seen["again"] == [["jakarta", "bandung"], seen["filter"]]
    assert (seen["query"], seen["none"]) == ("label=a%26b%3Dc&min_score=0.85", "/#a")
    assert seen["odd"] == [["a", "b"], ["%E0%A4%A"], ["x"], ["<b>"], []]
    assert seen["scores"] == [0, 0, 0, 0, 1, 1]
    assert seen["most"] == 20
    assert seen["toggled"] == [["b"], ["a", "b"]]
    assert seen["places"] == {"a": {"generation": "k9", "offset": 12}, "b": {"generation": "x", "offset": 0}}
    assert seen["place"] == "a@k9:13"
