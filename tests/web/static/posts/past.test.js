// The past of feeds and archive as one list: what is asked for, in which order, and when it ends.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Past } from "#page/posts/past.js";
import { archiveQuery } from "#page/posts/query.js";

const AT = Date.parse("2026-11-01T00:00:00Z");
const post = (n, topic = "tol") => ({ id: `x:${n}`, topic, text: "", received_at: new Date(AT + n * 1000).toISOString(), position: `${topic}@a:${n}` });
const ids = (entries) => entries.map(({ id }) => Number(id.slice(2)));

// A feed of the posts 90 to 99 and an archive of all from 0 on; `asked` has what the archive was asked for.
function past({ archive = true } = {}) {
  const asked = [];
  const page = async (name, { before, last }) => {
    const end = before ? Number(before.split(":")[1]) : 100;
    const from = Math.max(90, end - last);
    return { posts: Array.from({ length: end - from }, (_, at) => post(from + at, name)), before: from > 90 ? `${name}@a:${from}` : null, after: `${name}@a:99` };
  };
  const search = async (name, { before, until, last }) => {
    asked.push({ before, until });
    if (!archive) return null;
    const end = before ? Number(before) : Math.min(100, Math.max(0, Math.ceil((until - AT) / 1000)));
    const from = Math.max(0, end - last);
    return { posts: Array.from({ length: end - from }, (_, at) => post(end - 1 - at, name)), before: from ? String(from) : null };
  };
  return { past: new Past(page, ["tol"], search), asked };
}

test("the feed is read alone until the archive is asked for, and then from the time of the feed's first post on", async () => {
  const { past: one, asked } = past();
  assert.deepEqual(ids(await one.next(6)), [99, 98, 97, 96, 95, 94]);
  assert.deepEqual(ids(await one.next(6)), [93, 92, 91, 90]);
  assert.deepEqual([one.ended, one.offers, asked.length], [true, true, 0]);
  one.deep = true;
  assert.deepEqual([one.ended, one.offers], [false, false]);
  const stored = await one.next(200);
  assert.deepEqual(asked, [{ before: undefined, until: AT + 90000 + 60000 }]);
  assert.equal(ids(stored).at(-1), 0);
  assert.ok(stored.every((entry) => entry.stored) && one.ended);
});

test("without an archive the list ends with the feed, and that is known", async () => {
  const { past: one } = past({ archive: false });
  one.deep = true;
  assert.equal((await one.next(20)).length, 10);
  assert.deepEqual(await one.next(20), []);
  assert.deepEqual([one.ended, one.absent, one.offers], [true, true, false]);
});

test("a list from a time on comes out of the archive, page by page", async () => {
  const { past: one, asked } = past();
  const from = one.from(AT + 50000);
  assert.deepEqual(ids(await from.next(20)), Array.from({ length: 20 }, (_, at) => 49 - at));
  assert.deepEqual(ids(await from.next(2)), [29, 28]);
  assert.deepEqual(asked, [{ before: undefined, until: AT + 50000 }, { before: "30", until: AT + 50000 }]);
});

test("the archive is asked in its own language: a word is the beginning of one, a phrase stands as it is", () => {
  const filter = { labels: ["traffic"], minScore: 0.8, text: 'jalan* -"tol dalam" !!! -macet' };
  assert.equal(archiveQuery(filter), `label=traffic&min_score=0.8&${new URLSearchParams({ q: 'jalan* -"tol dalam" -macet*' })}`);
  assert.equal(archiveQuery({ labels: ["a", "b"], minScore: 0, text: "" }), "");
});
