// A post's text with its links and marks: what others wrote takes no time and fills no document.

import assert from "node:assert/strict";
import { test } from "node:test";

// Elements as far as `pieces` makes them.
globalThis.document = {
  documentElement: {},
  querySelectorAll: () => [],
  createElement: (tag) => ({
    tag,
    words: "",
    append(...texts) {
      this.words += texts.join("");
    },
  }),
};
const { pieces, timeOf } = await import("#page/posts/post.js");
const { setLanguage } = await import("#page/words/words.js");
const links = (text) => pieces(text, []).filter(({ tag }) => tag === "a").map(({ href }) => href);

test("a link ends where its sentence goes on", () => {
  const texts = {
    "(http://a.id/b)": "http://a.id/b",
    "http://a.id/b_(c)": "http://a.id/b_(c)",
    "http://a.id/b_(c)).": "http://a.id/b_(c)",
    "(http://a.id/(b)(c)), d": "http://a.id/(b)(c)",
    "http://a.id/b?!": "http://a.id/b",
  };
  for (const [text, link] of Object.entries(texts)) assert.equal(links(text)[0], link);
});

test("a post of brackets alone does not halt the page", () => {
  const before = process.cpuUsage(); // not the time, of which other programs take a part
  assert.deepEqual(links(`http://a.id/${")".repeat(64_000)}`), ["http://a.id/"]);
  assert.ok(process.cpuUsage(before).user < 1_000_000, "it was half a minute");
});

test("a post of links and marks alone makes few elements and keeps its text", () => {
  const text = "http://a.id/b macet ".repeat(3000);
  const marks = Array.from({ length: 3000 }, (_, nth) => [nth * 20 + 14, nth * 20 + 19]);
  const parts = pieces(text, marks);
  assert.equal(parts.map((part) => part.words ?? part).join(""), text);
  assert.ok(400 < parts.length && parts.length < 1000);
});

test("a post whose time is not known says so, and not the time at which it was read", async () => {
  const post = { created_at: null, received_at: "2026-01-05T08:00:00.000Z" };
  const words = async (language) => {
    await setLanguage(language);
    return timeOf(post, Date.parse(post.received_at));
  };
  assert.deepEqual([(await words("en")).words, (await words("en")).tag], ["time unknown", "span"]);
  assert.equal((await words("id")).words, "waktu tidak diketahui");
  assert.match((await words("en")).title, /read it at/);
  assert.equal(timeOf({ ...post, created_at: "2026-01-05T07:00:00Z" }, Date.parse(post.received_at)).tag, "time");
});
