// Why a label: the words shown, and that what is left together loses nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { weighed } from "#page/posts/why.js";

const sum = (weights) => weights.reduce((all, weight) => all + weight, 0);

test("words come strongest first whichever side they speak for", () => {
  assert.deepEqual(weighed({ words: [["a", 0.25], ["b", -0.5], ["c", 0.125]], bias: 2 }), [
    { word: "b", weight: -0.5 },
    { word: "a", weight: 0.25 },
    { word: "c", weight: 0.125 },
    { bias: true, weight: 2 },
  ]);
});

test("a word that comes twice is one row with both weights", () => {
  const rows = weighed({ words: [["macet", 0.5], ["oke", 0.25], ["macet", 0.5]], bias: 0 });
  assert.deepEqual(rows[0], { word: "macet", weight: 1 });
});

test("the weak ones of many words are one row so that the sum stays", () => {
  const words = [...Array(40).keys()].map((n) => [`word${n}`, ((-1) ** n * n) / 8]);
  const rows = weighed({ words, bias: -1 });
  assert.equal(rows.length, 14);
  assert.equal(rows.at(-2).others, 28);
  assert.equal(sum(rows.map(({ weight }) => weight)), sum(words.map(([, weight]) => weight)) - 1);
});

test("a post without a known word has where the model starts alone", () => {
  assert.deepEqual(weighed({ words: [], bias: 0.5 }), [{ bias: true, weight: 0.5 }]);
});
