// What the charts draw: the server's counts of several topics, added up and put in order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { counted, fitted, ofLabels, stacked, summed } from "#page/charts/counts.js";

const minutes = (...counts) => counts.map((labels, at) => ({ minute: `2026-01-01T00:0${at}:00.000Z`, labels }));

test("topics are added up by minute and label", () => {
  const first = minutes({ traffic: 1 }, {}, { traffic: 2, non_traffic: 4 });
  const second = minutes({ traffic: 8, non_traffic: 16 }, {}, {});
  const sums = summed([first, second]);
  assert.deepEqual(sums.series, [
    { label: "traffic", counts: [9, 0, 2], total: 11 },
    { label: "non_traffic", counts: [16, 0, 4], total: 20 },
  ]);
  assert.equal(sums.total, 31);
  assert.deepEqual(stacked(sums.series), [[9, 0, 2], [25, 0, 6]], "each on top of those before it");
  assert.deepEqual(sums.minutes.slice(1).map((after, at) => after - sums.minutes[at]), [60_000, 60_000]);
});

test("a topic whose minutes began a minute later adds to the same minutes", () => {
  const [early, late] = [minutes({ a: 1 }, { a: 2 }), minutes({}, { a: 4 }, { a: 8 }).slice(1)];
  assert.deepEqual(summed([early, late]).series, [{ label: "a", counts: [1, 6, 8], total: 15 }]);
});

test("sources are added up and the one that gave most comes first", () => {
  const first = minutes({}, {}).map((minute) => ({ ...minute, sources: { x: 1, bluesky: 2 } }));
  const second = minutes({}).map((minute) => ({ ...minute, sources: { x: 8 } }));
  assert.deepEqual(summed([first, second]).sources, [{ source: "x", total: 10 }, { source: "bluesky", total: 4 }]);
});

test("many labels are the most frequent and a rest that loses no post", () => {
  const counts = Object.fromEntries([...Array(9).keys()].map((n) => [`label${n}`, 10 + n]));
  const sums = summed([minutes(counts)]);
  assert.deepEqual(sums.series.map(({ label }) => label), [3, 4, 5, 6, 7, 8].map((n) => `label${n}`).concat(""));
  assert.equal(sums.series.at(-1).total, 10 + 11 + 12);
  assert.equal(sums.total, Object.values(counts).reduce((all, count) => all + count, 0));
});

test("nothing counted is no series, and a minute that is no time is no minute", () => {
  assert.deepEqual(summed([]), { minutes: [], series: [], total: 0, sources: [] });
  assert.deepEqual(stacked([]), []);
  assert.equal(summed([[{ minute: "soon", labels: { a: 1 } }]]).total, 0);
});

test("the axis begins with the first post, and has ten minutes at least", () => {
  const at = (n) => Array.from({ length: 60 }, (_, minute) => (minute === n ? 1 : 0));
  const shown = (n) => fitted({ minutes: at(-1).map((_, minute) => minute), series: [{ label: "a", counts: at(n) }] }).minutes[0];
  assert.deepEqual([0, 30, 58, -1].map(shown), [0, 30, 50, 50]);
});

test("labels that are filtered out are not counted, and posts are counted as the server does", () => {
  const answer = [{ minute: "2026-01-01T00:00:00.000Z", labels: { a: 1, b: 2, c: 4 }, sources: { x: 7 } }];
  assert.deepEqual(ofLabels(answer, ["a", "c"])[0].labels, { a: 1, c: 4 });
  assert.equal(ofLabels(answer, []), answer);
  const now = Date.parse("2026-01-01T01:00:30Z");
  const posts = ["00:01:00", "00:59:59", "01:00:01", "01:00:02"].map((at) => ({ label: null, source: "x", received_at: `2026-01-01T${at}Z` }));
  const sums = summed([counted([...posts, { label: "a", source: "x", received_at: "2025-01-01T00:00:00Z" }], now)]);
  assert.deepEqual([sums.minutes.length, sums.series, sums.total], [60, [{ label: "unsure", counts: sums.series[0].counts, total: 4 }], 4]);
  assert.deepEqual([sums.series[0].counts.at(-1), sums.series[0].counts[0]], [2, 0 + 0 + 1]);
});
