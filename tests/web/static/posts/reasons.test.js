// The words that the model read, at their places in the text.

import assert from "node:assert/strict";
import { test } from "node:test";
import { placesOf } from "#page/posts/reasons.js";
import { strongest } from "#page/posts/why.js";

const read = (text) => text.split(" ").map((word, nth) => /** @type {[string, number]} */ ([word, nth + 1]));
const readings = (text, words) => placesOf(text, read(words)).filter((place) => place.read).map((place) => `${place.text} \u2192 ${place.read}`);

test("an abbreviation is shown with the words that it was read as", () => {
  assert.deepEqual(readings("Macet di Cipali pagi", "macet di tol cipali pagi"), ["Cipali \u2192 tol cipali"]);
  assert.deepEqual(readings("macettt di jkt yg parah", "macet di jakarta yang parah"), ["macettt \u2192 macet", "jkt yg \u2192 jakarta yang"]);
  assert.deepEqual(readings("jl gatsu macet", "jalan gatot subroto macet"), ["jl gatsu \u2192 jalan gatot subroto"]);
  assert.deepEqual(readings("Macet @warga https://a.id/x di tol", "macet di tol"), []);
});

test("each place has the weight of what was read there", () => {
  const places = placesOf("Macet di Cipali", [["macet", 2], ["di", -1], ["tol", 0.5], ["cipali", 1]]);
  assert.deepEqual(places.map(({ text, weight }) => [text, weight]), [["Macet", 2], ["di", -1], ["Cipali", 1.5]]);
  assert.deepEqual(strongest(places), ["macet", "cipali"]);
});

test("a model that reads each word once has the first place of it", () => {
  const places = placesOf("macet lagi macet deh", [["macet", 1], ["lagi", 1], ["deh", 1]]);
  assert.deepEqual(places.map(({ start, read: other }) => [start, other]), [[0, ""], [6, ""], [17, ""]]);
});

test("a long text without any word in common ends at once", () => {
  const [text, other] = ["satu ".repeat(20_000), "dua ".repeat(20_000).trim()];
  const before = process.cpuUsage(); // not the time, of which other programs take a part
  placesOf(text, read(other));
  assert.ok(process.cpuUsage(before).user < 2_000_000);
});
