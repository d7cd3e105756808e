// The posts that the page has, and their past: each once, in order, and nothing missing above the lower end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { entryOf, lastOf, postOf } from "#page/posts/entry.js";
import { Folding } from "#page/posts/folding.js";
import { Past } from "#page/posts/past.js";
import { Timeline } from "#page/posts/timeline.js";

const time = (at) => new Date(1.7e12 + at * 1000).toISOString();
const json = (id, topic, at, text = "") =>
  JSON.stringify({
    ...{ id, topic, source: "x", url: "", author: "", text, lang: "" },
    ...{ created_at: time(at), received_at: time(at), label: "traffic", score: 1 },
  });

// An entry as a stream gives it.
const live = (topic, offset, { id = `${topic}${offset}`, at = offset, text = "" } = {}) =>
  entryOf(json(id, topic, at, text), `${topic}@g:${offset}`);
const ids = (entries) => entries.map((entry) => entry.id);
const down = (count) => [...Array(count).keys()].reverse();

// A server's feeds of numbered posts: how many each has, and how it gives pages of the past.
function server() {
  const feeds = { a: 0, b: 0 };
  const page = async (name, { before, last }) => {
    const end = before ? Number(before.split(":")[1]) : feeds[name];
    const start = Math.max(0, end - last);
    const posts = [];
    for (let n = start; n < end; n += 1) {
      posts.push({ ...JSON.parse(json(`${name}${n}`, name, n)), position: `${name}@g:${n}` });
    }
    return { posts, before: start ? `${name}@g:${start}` : null, after: end ? `${name}@g:${end - 1}` : null };
  };
  return { feeds, page };
}

// Lets in what waits, then reads all of the past: ids, newest first.
async function all(timeline, past) {
  timeline.release();
  timeline.trim();
  for (const [name, before] of timeline.takeDropped()) past.back(name, before);
  while (!past.ended) timeline.addOlder(await past.next(50), past.ended);
  return ids(timeline.entries);
}

test("a flood is cut at its lower end and the rest can be read back", async () => {
  const { feeds, page } = server();
  const [timeline, past] = [new Timeline(false), new Past(page, ["a"])];
  for (; feeds.a < 2000; feeds.a += 1) timeline.add(live("a", feeds.a), true);
  assert.equal(timeline.waiting, 2000);
  assert.ok(timeline.queued <= 600 && timeline.overflowing);
  assert.deepEqual(await all(timeline, past), down(2000).map((n) => `a${n}`));
});

test("several topics are ordered by time and cut at one time", async () => {
  const { feeds, page } = server();
  const [timeline, past] = [new Timeline(true), new Past(page, ["a", "b"])];
  for (; feeds.a < 1500; feeds.a += 1) timeline.add(live("a", feeds.a), false); // a stream catches up so:
  for (; feeds.b < 1500; feeds.b += 1) timeline.add(live("b", feeds.b), false); // a piece of each in turn
  const seen = await all(timeline, past);
  assert.deepEqual([...seen].sort(), ["a", "b"].flatMap((topic) => down(1500).map((n) => `${topic}${n}`)).sort());
  const times = seen.map((id) => Number(id.slice(1)));
  assert.deepEqual(times, [...times].sort((a, b) => b - a));
});

test("a post of two topics is one entry with both", () => {
  const timeline = new Timeline(true);
  assert.deepEqual(["a", "b"].map((topic) => timeline.add(live(topic, 1, { id: "x" }), true)), [true, false]);
  timeline.release();
  timeline.add(live("a", 1, { id: "x" }), false);
  assert.equal(timeline.waiting, 0);
  assert.deepEqual(timeline.entries.map((entry) => [entry.id, entry.topics]), [["x", ["a", "b"]]]);
});

test("what was taken back is gone from list, queue and past and does not come again", async () => {
  const { feeds, page } = server();
  const [timeline, past] = [new Timeline(false), new Past(page, ["a"])];
  feeds.a = 5;
  timeline.retract("a1");
  timeline.addOlder(await past.next(50), past.ended);
  timeline.add(live("a", 5), true);
  timeline.add(live("a", 6), true);
  for (const id of ["a3", "a5", "nobody"]) timeline.retract(id);
  assert.equal(timeline.waiting, 1);
  timeline.release();
  timeline.add(live("a", 5), false);
  timeline.release();
  assert.deepEqual(ids(timeline.entries), ["a6", "a4", "a2", "a0"]);
});

test("fields are found without parsing and not in what somebody wrote", () => {
  const text = '","label":"fake","received_at":"1999-01-01T00:00:00.000Z" \\","label":"fake';
  const entry = live("a", 7, { text });
  assert.equal(entry.label, "traffic");
  assert.equal(entry.time, Date.parse(time(7)));
  assert.ok(!("post" in entry));
  assert.equal(postOf(entry).text, text);
  assert.equal(entryOf(json('q"\\u0041', "a", 1), "a@g:1").id, 'q"\\u0041');
});

test("a post without a label is unsure whichever way it is read", () => {
  for (const id of ["x1", 'q"']) {
    const data = JSON.stringify({ ...JSON.parse(json(id, "a", 1, '","label":"traffic"')), label: null, score: null });
    assert.equal(entryOf(data, "a@g:1").label, "unsure");
  }
});

test("what is no post is no entry", () => {
  for (const data of ["", "null", "[]", '{"id":1}', '{"id":"a"', "x"]) assert.equal(entryOf(data, ""), null);
});

test("a post of two topics in one page of the past is one entry of both", () => {
  const timeline = new Timeline(true);
  timeline.addOlder([live("a", 1, { id: "p" }), live("b", 7, { id: "p", at: 1 }), live("a", 0)], true);
  assert.deepEqual(ids(timeline.entries), ["p", "a0"]);
  assert.deepEqual(timeline.entries[0].topics, ["a", "b"]);
});

// Posts that say the same, at these times, into a list that folds.
function folded(...times) {
  const timeline = new Timeline(false, new Folding(postOf));
  times.forEach((at, nth) => void timeline.add(live("a", nth, { at, text: `Macet total di Semanggi https://a.id/${nth}` }), false));
  timeline.release();
  return timeline;
}

test("posts that say the same within ten minutes are one entry of the first, and later ones another", () => {
  const timeline = folded(0, 60, 500, 601, 700);
  assert.deepEqual(timeline.entries.map(({ id, same }) => [id, ids(same ?? [])]), [["a3", ["a4"]], ["a0", ["a1", "a2"]]]);
  assert.deepEqual(ids(timeline.all), ["a4", "a3", "a2", "a1", "a0"]);
  assert.equal(lastOf(timeline.entries[1]).id, "a2");
  timeline.fold(null);
  assert.deepEqual(ids(timeline.entries), ["a4", "a3", "a2", "a1", "a0"]);
  timeline.fold(new Folding(postOf));
  assert.deepEqual(ids(timeline.entries), ["a3", "a0"]);
});

test("of an entry that is taken back the next of the same takes the place, and one that repeats leaves it", () => {
  const timeline = folded(0, 10, 20);
  timeline.retract("a1");
  assert.deepEqual(timeline.entries.map(({ id, same }) => [id, ids(same)]), [["a0", ["a2"]]]);
  timeline.retract("a0");
  assert.deepEqual(ids(timeline.entries), ["a2"]);
  timeline.add(live("a", 5, { at: 30, text: "macet total di semanggi" }), false);
  timeline.release();
  assert.deepEqual(timeline.entries.map(({ id, same }) => [id, ids(same)]), [["a2", ["a5"]]]);
});

test("repeats of an entry that falls out of the list are not lost with it", () => {
  const timeline = new Timeline(false, new Folding(postOf));
  timeline.add(live("a", 0, { at: 0, text: "macet total di semanggi" }), false);
  timeline.release();
  for (let n = 1; n < 400; n += 1) timeline.add(live("a", n, { at: n, text: n === 350 ? "Macet total di Semanggi!" : `lain ${n}` }), false);
  timeline.release();
  assert.deepEqual(ids(timeline.entries.at(-1).same ?? []), ["a350"]);
  timeline.trim();
  assert.ok(ids(timeline.entries).includes("a350"));
});

test("an entry stands where its first post is, also when that is read later, and none lasts more than ten minutes", () => {
  const timeline = folded(500, 700);
  const older = (id, at, text) => live("a", 9, { id, at, text });
  const repeat = "RT @warga: macet total di Semanggi";
  timeline.addOlder([older("other", 400, "lain"), older("older", 300, repeat)], false);
  assert.deepEqual(timeline.entries.map(({ id, same }) => [id, ids(same ?? [])]), [["other", []], ["older", ["a0", "a1"]]]);
  timeline.addOlder([older("before", 90, repeat), older("first", 80, repeat)], true);
  assert.deepEqual(ids(timeline.entries), ["other", "older", "first"], "in the order of their times");
  assert.deepEqual(ids(timeline.entries[2].same), ["before"]);
  timeline.retract("older");
  assert.deepEqual(ids(timeline.entries), ["a0", "other", "first"], "the next of them is the first now");
  assert.deepEqual(ids(timeline.all), ["a1", "a0", "other", "before", "first"]);
});

test("what waits can come in by parts, the oldest first, and nothing is lost between them", () => {
  const timeline = new Timeline(false);
  for (const at of [0, 1, 2, 3, 4]) timeline.add(live("a", at), true);
  assert.deepEqual(ids(timeline.release(2)), ["a1", "a0"]);
  assert.deepEqual([timeline.queued, timeline.waiting], [3, 0]);
  assert.deepEqual(ids(timeline.release()), ["a4", "a3", "a2"]);
  assert.deepEqual(ids(timeline.entries), ["a4", "a3", "a2", "a1", "a0"]);
});

test("a list that was left for another time begins again with the newest, which can be read again", async () => {
  const { feeds, page } = server();
  feeds.a = 5;
  const past = new Past(page, ["a"]);
  const timeline = new Timeline(false);
  timeline.addOlder(await past.next(50), past.ended);
  timeline.leave(0);
  timeline.addOlder([{ ...live("a", 0, { id: "old" }), positions: [""], stored: true }], false);
  timeline.add(live("a", 5), true);
  assert.deepEqual(ids(timeline.entries), ["old"]);
  assert.equal(timeline.overflowing, true);
  feeds.a = 6;
  assert.deepEqual(await all(timeline, past), ["a5", "a4", "a3", "a2", "a1", "a0"]);
});
