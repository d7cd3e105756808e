// The bars of an hour, a day and a week.

import assert from "node:assert/strict";
import { test } from "node:test";
import { counted, summed } from "#page/charts/counts.js";
import { inBars, SPANS, sinceOf, startOf } from "#page/charts/spans.js";

const NOW = Date.parse("2026-11-28T21:40:30Z");

test("a span ends with the running bar and has so many of one length", () => {
  for (const name of /** @type {const} */ (["hour", "day", "week"])) {
    const { step, bars } = SPANS[name];
    assert.equal(startOf(NOW, step), sinceOf(name, NOW) + (bars - 1) * step);
    assert.equal(counted([], NOW, name).length, bars);
  }
});

test("hours become bars of six, which begin at midnight, six, noon and six of the clock here", () => {
  const hours = Array.from({ length: 24 }, (_, at) => ({ minute: new Date(NOW - 1830000 - at * 3600000 - 600000).toISOString(), labels: { a: 1 }, sources: {} }));
  const { minutes, total } = summed([inBars(hours, "week")]);
  assert.equal(total, 24);
  for (const ms of minutes) assert.equal(new Date(ms).getHours() % 6, 0);
});

test("posts that the page has are counted in the bar of their time, and older ones in none", () => {
  const at = (ago) => ({ label: "a", source: "x", received_at: new Date(NOW - ago * 3600000).toISOString() });
  const { series, total } = summed([counted([at(0), at(1), at(30)], NOW, "day")]);
  assert.deepEqual([total, series[0].counts.slice(-2)], [2, [1, 1]]);
});
