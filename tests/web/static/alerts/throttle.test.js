// Notifications: one every few seconds at most, and none of the posts between is forgotten.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Throttle } from "#page/alerts/throttle.js";

// A throttle by a clock that the test moves; `told` has [time, item, count] of each call.
function throttled() {
  let [time, timers] = [0, []];
  const clock = {
    now: () => time,
    later: (act, wait) => {
      const timer = { act, at: time + wait };
      timers.push(timer);
      return timer;
    },
    never: (timer) => {
      timers = timers.filter((one) => one !== timer);
    },
  };
  const told = [];
  const throttle = new Throttle((item, count) => told.push([time, item, count]), 5000, clock);
  const until = (then) => {
    for (;;) {
      const next = timers.filter(({ at }) => at <= then).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      timers = timers.filter((one) => one !== next);
      time = next.at;
      next.act();
    }
    time = then;
  };
  return { throttle, told, until, wait: (ms) => until(time + ms) };
}

test("the first is told at once and those of the next seconds together", () => {
  const { throttle, told, until, wait } = throttled();
  for (const item of ["a", "b", "c"]) {
    throttle.add(item);
    wait(1000);
  }
  until(60_000);
  assert.deepEqual(told, [[0, "a", 1], [5000, "c", 2]]);
});

test("however many come each is counted and they are told five seconds apart", () => {
  const { throttle, told, until, wait } = throttled();
  for (let n = 1; n <= 400; n += 1) {
    throttle.add(n);
    wait(50);
  }
  until(60_000);
  assert.deepEqual(told.map(([at]) => at), [0, 5000, 10_000, 15_000, 20_000]);
  assert.equal(told.reduce((sum, [, , count]) => sum + count, 0), 400);
  assert.equal(told.at(-1)[1], 400);
});

test("what waited when the choice changed is not told", () => {
  const { throttle, told, until } = throttled();
  throttle.add("a");
  throttle.add("b");
  throttle.clear();
  until(9000);
  throttle.add("c");
  assert.deepEqual(told, [[0, "a", 1], [9000, "c", 1]]);
});
