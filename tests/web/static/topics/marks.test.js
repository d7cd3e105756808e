// What was not seen has a dot, unless the topic is muted. Without storage it lasts as long as the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Marks } from "#page/topics/marks.js";

const topic = (name, count, generation = 1) => ({ name, kafka_topic: `t-feed-${name}-${generation}`, posts: { traffic: count } });

test("posts that came while another topic was chosen are fresh until theirs is chosen", () => {
  const marks = new Marks();
  marks.update([topic("a", 3), topic("b", 3)], ["a"]);
  assert.equal(marks.fresh(topic("b", 3)), false, "what was there at the first visit is not new");
  const later = [topic("a", 9), topic("b", 4)];
  marks.update(later, ["a"]);
  assert.deepEqual(later.map((one) => marks.fresh(one)), [false, true]);
  marks.update(null, []); // before the server has answered
  assert.deepEqual(later.map((one) => marks.fresh(one)), [false, true]);
  marks.update(later, ["b"]);
  assert.deepEqual(later.map((one) => marks.fresh(one)), [false, false]);
});

test("a topic that was deleted and added again begins anew", () => {
  const marks = new Marks();
  marks.update([topic("a", 100)], []);
  marks.update([topic("a", 1, 2)], []);
  assert.equal(marks.fresh(topic("a", 1, 2)), false);
  assert.equal(marks.fresh(topic("a", 2, 2)), true);
});

test("a muted topic has no dot", () => {
  const marks = new Marks();
  marks.update([topic("a", 1)], []);
  marks.mute(topic("a", 1), true);
  assert.deepEqual([marks.muted("a"), marks.fresh(topic("a", 5))], [true, false]);
  marks.mute(topic("a", 1), false);
  assert.deepEqual([marks.muted("a"), marks.fresh(topic("a", 5))], [false, true]);
  assert.equal(marks.muted("constructor"), false);
});

test("a topic that was deleted is no longer muted, also when another of its name was added before anybody looked", () => {
  const marks = new Marks();
  const all = ["a", "b", "c"].map((name) => topic(name, 1));
  for (const one of all) marks.mute(one, true);
  marks.update(null, []); // before the server has answered
  marks.update(all, []);
  assert.deepEqual(all.map(({ name }) => marks.muted(name)), [true, true, true]);
  marks.update([topic("a", 1, 2), topic("c", 9)], []);
  assert.deepEqual(all.map(({ name }) => marks.muted(name)), [false, false, true]);
  marks.update([], []);
  assert.equal(marks.muted("c"), false);
});

test("what another tab has muted meanwhile stays when a topic goes", () => {
  const before = globalThis.localStorage;
  const store = new Map();
  globalThis.localStorage = { getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value) };
  new Marks().mute(topic("a", 1), true);
  const here = new Marks();
  new Marks().mute(topic("b", 1), true);
  here.update([topic("b", 1)], []);
  assert.deepEqual([here.muted("a"), here.muted("b"), new Marks().muted("b")], [false, true, true]);
  globalThis.localStorage = before;
});
