"""Notifications: one every few seconds at most, and none of the posts between is forgotten."""

from pathlib import Path
from typing import Any

import pytest
from support.browser import page_modules

pytestmark = pytest.mark.node
CLOCK = """
import { Throttle } from "./notify.js";
let time = 0;
let timers = [];
const clock = {
  now: () => time,
  later: (act, wait) => { const timer = { act, at: time + wait }; timers.push(timer); return timer; },
  never: (timer) => { timers = timers.filter((one) => one !== timer); },
};
const told = [];
const throttle = new Throttle((item, count) => told.push([time, item, count]), 5000, clock);
function until(then) {
  for (;;) {
    const next = timers.filter(({ at }) => at <= then).sort((a, b) => a.at - b.at)[0];
    if (!next) break;
    timers = timers.filter((one) => one !== next);
    time = next.at;
    next.act();
  }
  time = then;
}
"""


def told(folder: Path, script: str) -> list[Any]:
    return page_modules.run(folder, f"{CLOCK}{script}\nconsole.log(JSON.stringify(told));")


def test_the_first_is_told_at_once_and_those_of_the_next_seconds_together(tmp_path: Path) -> None:
    seen = told(
        tmp_path, 'for (const item of ["a", "b", "c"]) { throttle.add(item); until(time + 1000); } until(60000);'
    )
    assert seen == [[0, "a", 1], [5000, "c", 2]]


def test_however_many_come_each_is_counted_and_they_are_told_five_seconds_apart(tmp_path: Path) -> None:
    seen = told(tmp_path, "for (let n = 1; n <= 400; n += 1) { throttle.add(n); until(time + 50); } until(60000);")
    assert [at for at, _, _ in seen] == [0, 5000, 10000, 15000, 20000]
    assert sum(count for _, _, count in seen) == 400
    assert seen[-1][1] == 400


def test_what_waited_when_the_choice_changed_is_not_told(tmp_path: Path) -> None:
    seen = told(tmp_path, 'throttle.add("a"); throttle.add("b"); throttle.clear(); until(9000); throttle.add("c");')
    assert seen == [[0, "a", 1], [9000, "c", 1]]
