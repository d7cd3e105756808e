// What a rule would have done in the last hour.

import assert from "node:assert/strict";
import { test } from "node:test";
import { wouldTell } from "#page/alerts/would.js";

const START = new Date("2026-11-28T21:30:00").getTime();
const rule = (change) => ({ topic: "macet", label: null, when: "surge", least: 10, quiet: null, ...change });
// An hour from 21:30 on with so many posts a minute: traffic by count(minute), and one of talk.
const hour = (count) =>
  Array.from({ length: 60 }, (_, at) => ({ minute: new Date(START + at * 60000).toISOString(), labels: { traffic: count(at), talk: 1 } }));

test("each post of its label is told, but not in the quiet hours", () => {
  const told = (change) => wouldTell(hour(() => 2), rule({ when: "every", ...change }), 1000);
  assert.deepEqual(told({}), { times: 180, minutes: 60 });
  assert.deepEqual(told({ label: "traffic" }), { times: 120, minutes: 60 });
  assert.deepEqual(told({ label: "traffic", quiet: "22:00-06:00" }), { times: 60, minutes: 60 });
});

test("a surge is told once from its beginning to its end, and two are two", () => {
  const told = (count, change = {}, age = 1000) => wouldTell(hour(count), rule({ label: "traffic", ...change }), age);
  const burst = (...starts) => (at) => (starts.some((start) => at >= start && at < start + 3) ? 20 : 1);
  assert.deepEqual(told(() => 1), { times: 0, minutes: 40 });
  assert.deepEqual(told(burst(25)), { times: 1, minutes: 40 });
  assert.deepEqual(told(burst(22, 50)), { times: 2, minutes: 40 });
  assert.equal(told(burst(22, 50), { least: 100 }).times, 0);
  assert.equal(told(burst(22, 50), { label: null }).times, 1, "the first makes the second a smaller one");
  assert.equal(told(burst(22, 50), { quiet: "21:00-22:15" }).times, 1);
});

test("a topic that is too young for a surge has none, and that is no nought", () => {
  assert.deepEqual(wouldTell(hour((at) => (at > 50 ? 50 : 0)), rule({}), 15.5), { times: 0, minutes: 0 });
  assert.deepEqual(wouldTell(hour((at) => (at > 50 ? 50 : 0)), rule({}), 30), { times: 1, minutes: 10 });
});
