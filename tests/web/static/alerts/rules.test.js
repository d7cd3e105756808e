// The rules for alerts on this device: which posts they ask for, what a surge is, and when it is quiet.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isQuiet, Rules, surge } from "#page/alerts/rules.js";

const at = (clock) => new Date(`2026-11-28T${clock}:00`);
const rule = (change) => ({ topic: "macet", label: null, when: "every", least: 10, quiet: null, ...change });
const post = (change) => ({ id: "x:1", topic: "macet", label: "traffic", ...change });

test("it is quiet from the first time until the second, also over midnight", () => {
  const found = ["21:59", "22:00", "23:59", "00:00", "05:59", "06:00"].map((clock) => isQuiet("22:00-06:00", at(clock)));
  assert.deepEqual(found, [false, true, true, true, true, false]);
  assert.deepEqual(["11:59", "12:00", "12:30", "13:00"].map((clock) => isQuiet("12:00-13:00", at(clock))), [false, true, true, false]);
  assert.equal(isQuiet(null, at("12:00")), false);
});

test("a rule asks for the posts of its topic and label, but not in its quiet hours", () => {
  const rules = new Rules();
  assert.equal(rules.wants(post()), false);
  rules.add(rule({ label: "traffic", quiet: "22:00-06:00" }));
  rules.add(rule({ topic: "banjir", label: "unsure" }));
  assert.equal(rules.wants(post(), at("12:00")), true);
  assert.equal(rules.wants(post(), at("23:00")), false);
  assert.equal(rules.wants(post({ label: "talk" }), at("12:00")), false);
  assert.equal(rules.wants(post({ topic: "banjir", label: null }), at("23:00")), true);
  assert.equal(rules.wants(post({ topic: "hujan" }), at("12:00")), false);
});

test("a rule like another takes its place, and there are 50 at most", () => {
  const rules = new Rules();
  rules.add(rule({ quiet: "22:00-06:00" }));
  rules.add(rule({}));
  assert.deepEqual(rules.all, [rule({})]);
  for (let n = 1; n < 50; n += 1) assert.equal(rules.add(rule({ topic: `t${n}` })), true);
  assert.equal(rules.add(rule({ topic: "more" })), false);
  rules.remove(rules.all[0]);
  assert.equal(rules.all.length, 49);
});

test("the rules of a topic that was deleted are forgotten, also when another of its name was added", () => {
  const rules = new Rules();
  const there = (name, generation) => ({ name, kafka_topic: `t-feed-${name}-${generation}` });
  for (const name of ["macet", "banjir", "hujan"]) rules.add(rule({ topic: name, feed: there(name, 1).kafka_topic }));
  const all = ["macet", "banjir", "hujan"].map((name) => there(name, 1));
  assert.deepEqual([rules.know(all), rules.all.length], [false, 3]);
  const [kept] = rules.all;
  assert.equal(rules.know([all[0], there("banjir", 2)]), true);
  assert.deepEqual(rules.all, [kept]);
  assert.equal(rules.all[0], kept, "the rule that is told of already");
});

test("what another tab has changed meanwhile stays when a topic goes", () => {
  const before = globalThis.localStorage;
  const store = new Map();
  globalThis.localStorage = { getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value) };
  const [here, there] = [new Rules(), new Rules()];
  here.add(rule({ topic: "banjir" }));
  there.add(rule({ topic: "banjir" }));
  there.add(rule({ topic: "macet" }));
  here.know([{ name: "macet", kafka_topic: "t-feed-macet-1" }]);
  assert.deepEqual([here.all, new Rules().all], [[rule({})], [rule({})]]);
  globalThis.localStorage = before;
});

test("what is kept and is no rule is left out", () => {
  const kept = ["no", null, rule({ quiet: "1-2" }), rule({ least: "5" }), rule({ when: "never" }), rule({ label: 7 }), rule({})];
  const before = globalThis.localStorage;
  for (const [stored, expected] of [[JSON.stringify(kept), [rule({})]], ["{", []], ['{"a":1}', []]]) {
    globalThis.localStorage = { getItem: () => stored, setItem() {} };
    assert.deepEqual(new Rules().all, expected);
  }
  globalThis.localStorage = before;
});

test("a surge is three times the mean of the rest of the hour, and at least so many posts", () => {
  const rows = (usual, recent) =>
    Array.from({ length: 60 }, (_, minute) => ({ labels: { traffic: minute < 50 ? usual : recent, talk: 9 } }));
  const asked = { label: "traffic", least: 10 };
  assert.deepEqual(surge(rows(2, 6), asked), { posts: 60, usual: 20 });
  assert.equal(surge(rows(2, 5), asked), null);
  assert.equal(surge(rows(0, 1), { ...asked, least: 11 }), null);
  assert.deepEqual(surge(rows(0, 1), asked), { posts: 10, usual: 0 });
  assert.equal(surge(rows(2, 6), { label: null, least: 10 }), null, "of all labels it is none");
  assert.equal(surge(rows(0, 9), asked, 19), null, "the topic is too young");
  assert.deepEqual(surge(rows(2, 6), asked, 20), { posts: 60, usual: 20 });
});
