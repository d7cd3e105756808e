// The address of the page says what is seen, whatever stands in it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, filterOf, serverQuery, toggled, topicsOf } from "#page/lib/address.js";

test("topics and filters come back from the address they made", () => {
  const filter = { label: "a&b=c", minScore: 0.85, text: "tol #1 é" };
  const address = new URL(addressOf(["jakarta", "bandung"], filter), "http://localhost");
  assert.deepEqual(topicsOf(address.hash), ["jakarta", "bandung"]);
  assert.deepEqual(filterOf(address.search), filter);
  assert.equal(serverQuery(filter), "label=a%26b%3Dc&min_score=0.85");
  assert.equal(addressOf(["a"], filterOf("")), "/#a");
});

test("an odd address still gives topics and scores", () => {
  const odd = ["#a,,a, b", "#%E0%A4%A", `#${"x,".repeat(3)}`, "#<b>", ""];
  assert.deepEqual(odd.map(topicsOf), [["a", "b"], ["%E0%A4%A"], ["x"], ["<b>"], []]);
  const scores = ["2", "-1", "x", "", "0.999", "1"];
  assert.deepEqual(scores.map((score) => filterOf(`?min_score=${score}`).minScore), [0, 0, 0, 0, 1, 1]);
  assert.equal(topicsOf(`#${[...Array(30).keys()].join(",")}`).length, 20);
});

test("a topic is added to a list or taken out of it", () => {
  assert.deepEqual([toggled(["a", "b"], "a"), toggled(["a"], "b")], [["b"], ["a", "b"]]);
});
