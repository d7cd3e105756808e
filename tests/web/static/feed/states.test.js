// The table of the feed's states.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mayFollow, STATES } from "#page/feed/states.js";
import en from "#page/words/en.js";

test("each of the nine states has words, an end, and states that are in the table", () => {
  assert.equal(Object.keys(STATES).length, 9);
  for (const [name, { text, ends, next }] of Object.entries(STATES)) {
    assert.equal(text, `state.${name}`);
    assert.ok(text in en && ends);
    assert.equal(new Set(next).size, next.length);
    for (const one of next) assert.ok(one in STATES, one);
    for (const one of ["idle", "connecting"]) assert.ok(mayFollow(name, one), "another choice of topics is always possible");
  }
});

test("every state can be reached", () => {
  const reached = new Set(["idle"]);
  for (const name of reached) for (const next of STATES[name].next) reached.add(next);
  assert.deepEqual([...reached].sort(), Object.keys(STATES).sort());
});

test("nothing is live before it connects", () => {
  for (const name of ["idle", "lost", "waiting", "deleted", "missing"]) assert.ok(!mayFollow(name, "live"), name);
});
