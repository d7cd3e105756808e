// Which posts say the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Folding, same, WITHIN } from "#page/posts/folding.js";

test("links, names, signs, emoji, capitals and a leading RT do not count", () => {
  const text = "Macet total di Semanggi arah Cawang";
  for (const other of [
    "RT @warga: macet total di semanggi arah cawang https://t.co/x",
    "MACET TOTAL di #Semanggi, arah #Cawang!!! \u{1F62D}",
    "Macet total di Semanggi arah Cawang via @lalin https://a.id/1",
  ]) assert.ok(same(text, other), other);
  assert.ok(!same("https://a.id/1", "https://a.id/2"), "nothing is not the same as nothing");
});

test("from six words on four of five in common are nearly the same", () => {
  const text = "kecelakaan truk di tol cipali km delapan arah palimanan lajur kiri";
  assert.ok(same(text, `UPDATE ${text} ditutup`));
  assert.ok(!same(text, "kecelakaan bus di tol cikampek arah jakarta lajur kanan sudah aman"));
  assert.ok(!same("macet di slipi", "macet di grogol"), "few words must be all the same");
});

test("texts that differ in a number are two reports", () => {
  const text = (km) => `kecelakaan truk di tol cipali km ${km} arah palimanan lajur kiri tutup`;
  assert.ok(same(text("85"), text("85")));
  assert.ok(!same(text("85"), text("91")));
  assert.ok(!same(text("85"), text("")));
});

test("posts with different labels or far apart in time are never one entry", () => {
  const folding = new Folding((entry) => entry);
  const entry = (label, time) => ({ label, time, text: "macet total di semanggi arah cawang pagi ini" });
  const first = entry("traffic", 0);
  assert.equal(folding.place(first), null);
  assert.equal(folding.place(entry("non_traffic", 0)), null);
  assert.equal(folding.place(entry("traffic", WITHIN)), first);
  assert.equal(folding.place(entry("traffic", WITHIN + 1)), null);
  folding.forget(first);
  assert.notEqual(folding.place(entry("traffic", 1)), first);
});

test("a thousand posts of one topic are told apart at once", () => {
  const folding = new Folding((entry) => entry);
  const before = process.cpuUsage(); // not the time, of which other programs take a part
  for (let n = 0; n < 1000; n += 1) {
    folding.place({ label: "traffic", time: n, text: `macet total arah semanggi ada truk mogok di depan kantor nomor ${n}` });
  }
  assert.ok(process.cpuUsage(before).user < 2_000_000);
});
