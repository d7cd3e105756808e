// The address of the page says what is seen, whatever stands in it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, filterOf, noFilter, serverQuery, toggled, topicsOf, viewOf } from "#page/lib/address.js";

const back = (view) => viewOf(new URL(addressOf(view), "http://localhost"));
const column = (topics, filter = {}) => ({ topics, filter: { ...noFilter(), ...filter } });

test("topics and filters come back from the address they made", () => {
  const filter = { labels: ["a&b=c"], minScore: 0.85, text: "tol #1 é; ya?" };
  const view = { wall: false, turn: 0, theme: "", columns: [{ topics: ["jakarta", "bandung"], filter }] };
  const address = new URL(addressOf(view), "http://localhost");
  assert.deepEqual(topicsOf(address.hash), ["jakarta", "bandung"]);
  assert.deepEqual(filterOf(address.search), filter);
  assert.deepEqual(back(view), view);
  assert.equal(serverQuery(filter), "label=a%26b%3Dc&min_score=0.85");
  assert.equal(serverQuery({ ...filter, labels: ["a", "b"] }), "min_score=0.85", "of several labels the page chooses itself");
  assert.equal(addressOf({ wall: false, turn: 0, columns: [column(["a"])] }), "/#a");
});

test("each of several columns has its filter in the address", () => {
  const columns = [column(["a", "b"], { labels: ["x", "y"], text: 'a;b "c"?' }), column(["c"]), column(["d"], { minScore: 0.8 })];
  const view = { wall: true, turn: 20, theme: "dark", columns };
  assert.deepEqual(back(view), view);
  assert.equal(addressOf({ wall: false, turn: 0, columns: columns.slice(1) }), "/#c;d?min_score=0.8");
  assert.equal(viewOf({ search: "", hash: `#${"a;".repeat(50)}` }).columns.length, 8);
  assert.deepEqual(viewOf({ search: "?view=wall&turn=x", hash: "" }), { wall: true, turn: 0, theme: "", columns: [column([])] });
});

test("a filter before the fragment is for each column that has none of its own", () => {
  const { columns } = viewOf({ search: "?view=wall&label=traffic&min_score=0.8", hash: "#a;b?q=x" });
  assert.deepEqual(columns, [column(["a"], { labels: ["traffic"], minScore: 0.8 }), column(["b"], { text: "x" })]);
  assert.equal(addressOf({ wall: false, turn: 0, columns }), "/#a?label=traffic&min_score=0.8;b?q=x");
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
