// The filter's language.

import assert from "node:assert/strict";
import { test } from "node:test";
import { foundRanges, passing } from "#page/posts/query.js";

const TEXT = "Macet di Tol Cipali, ada Bus mogok. #JalanRusak";
const passes = (text, post = {}, more = {}) =>
  passing({ labels: [], minScore: 0, text, ...more })({ label: "traffic", post: { text: TEXT, author: "@Pakde_Joyo", score: 0.8, ...post } });
const marked = (query, text = TEXT) => foundRanges(query, text).map(([from, to]) => text.slice(from, to));

test("words are found in any order, phrases as they stand, and what has a minus is left out", () => {
  for (const query of ["", "  ", "tol macet", "CIPALI bus", '"tol cipali"', 'mogok "di tol"', "mac", "-banjir tol", "jalanrusak", "#jalanrusak", '"tol', "--"]) {
    assert.ok(passes(query), query);
  }
  for (const query of ["tol banjir", '"cipali tol"', "macet -bus", '-"tol cipali"', "-macet", '"mac"', "acet"]) assert.ok(!passes(query), query);
});

test("the author is found too, as a whole or a part of the name", () => {
  for (const query of ["pakde_joyo", "joyo", "@pakde_joyo", "joyo macet"]) assert.ok(passes(query), query);
  assert.ok(!passes("-joyo"));
});

test("a label must be one of those chosen, and a score high enough", () => {
  assert.ok(passes("", {}, { labels: ["unsure", "traffic"] }));
  assert.ok(!passes("", {}, { labels: ["unsure"] }));
  assert.ok(passes("", {}, { minScore: 0.8 }));
  assert.ok(!passes("", { score: 0.79 }, { minScore: 0.8 }));
  assert.ok(!passes("", { score: null }, { minScore: 0.8 }));
});

test("the quick look at a post as it came misses none", () => {
  const entry = (text) => ({ label: "traffic", data: JSON.stringify({ id: "x", text, author: "a" }) });
  const filter = passing({ labels: [], minScore: 0, text: "cafe -teh" });
  assert.deepEqual(["di cafe", "DI CAFE", "di \uff23afe", "teh di cafe", "kopi"].map((text) => filter(entry(text))), [true, true, true, false, false]);
});

test("what was found is marked, the beginning of a longer word too", () => {
  assert.deepEqual(marked("tol -banjir mac"), ["Tol", "Mac"]);
  assert.deepEqual(marked('"tol cipali"'), ["Tol Cipali"]);
  assert.deepEqual(marked("-macet"), []);
  assert.deepEqual(marked("\u6e0b\u6ede", "\u9053\u8def\u6e0b\u6ede\u4e2d"), ["\u6e0b\u6ede"]);
});
