// How labels are shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import { labelText, labelTone, UNSURE } from "#page/words/format.js";
import { setLanguage } from "#page/words/words.js";

globalThis.document = { documentElement: {}, querySelectorAll: () => [] };

test("a post without a label is unsure, in the language of the page and without a colour", async () => {
  await setLanguage("en");
  assert.equal(labelText(UNSURE), "unsure");
  await setLanguage("id");
  assert.equal(labelText(UNSURE), "tidak yakin");
  assert.equal(labelTone(UNSURE), "none");
});

test("a label of one's own is shown as it is, and those that deny have no colour", () => {
  assert.equal(labelText("water_cut"), "water cut");
  assert.deepEqual(["non_traffic", "no-jam", "not here"].map(labelTone), ["none", "none", "none"]);
  assert.notEqual(labelTone("traffic"), "none");
});
