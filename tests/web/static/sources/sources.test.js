// The sources in words: what each waits for, and when it tries again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceName, sourceWords } from "#page/sources/sources.js";
import { setLanguage } from "#page/words/words.js";

const NOW = "2026-01-01T12:00:00.000Z";
const QUIET = {
  ...{ url: "bluesky:", state: "streaming", reason: "", posts: 0, posts_per_minute: 0 },
  ...{ last_post_at: null, reconnects: 0, retry_at: null },
};

// What is said of a source, and whether somebody should look.
async function said(source, language = "en") {
  await setLanguage(language);
  const { text, alert } = sourceWords({ ...QUIET, ...source }, Date.parse(NOW));
  return [text, alert];
}

test("a source that cannot be reached says why and counts down", async () => {
  const away = { state: "backing-off", reason: "no such host.", retry_at: "2026-01-01T12:00:11.200Z" };
  assert.deepEqual(await said(away), ["cannot be reached: no such host; tries again in 12 s", true]);
  assert.deepEqual(await said(away, "id"), ["tidak dapat dihubungi: no such host; mencoba lagi dalam 12 dtk", true]);
});

test("a time that has passed or is unknown is never counted below nothing", async () => {
  for (const retry_at of ["2026-01-01T11:59:00.000Z", null]) {
    assert.deepEqual(await said({ state: "backing-off", retry_at }), ["cannot be reached; tries again now", true]);
  }
});

test("a source that streams is calm and says how much comes", async () => {
  const last_post_at = "2026-01-01T11:57:00.000Z";
  const [busy, calm] = await said({ posts_per_minute: 1, last_post_at });
  assert.ok(busy.startsWith("1 post a minute; last post 3") && !calm);
  assert.deepEqual(await said({}), ["connected, no post yet", false]);
  const [quiet, still] = await said({ last_post_at });
  assert.ok(quiet.startsWith("connected, quiet; last post 3") && !still);
});

test("a refused source says that it is not tried again", async () => {
  const [text, alert] = await said({ state: "refused", reason: "401 Unauthorized" });
  assert.ok(text.startsWith("refused: 401 Unauthorized; it is not tried again") && alert);
});

test("the other states call for nobody and one of a newer worker is shown as it is", async () => {
  assert.deepEqual(await said({ state: "connecting" }), ["connecting…", false]);
  assert.deepEqual(await said({ state: "connecting", reason: "reset" }), ["tries again now; last error: reset", false]);
  assert.deepEqual(await said({ state: "ended", posts: 1200 }), ["finished, 1,200 posts read", false]);
  const left = { state: "ended", reason: "ended: 5 posts, 2 malformed, 1 same_id" };
  assert.deepEqual(await said({ ...left, posts: 5 }), ["finished, 5 posts read (2 malformed, 1 same_id)", false]);
  const nothing = { state: "ended", posts: 0, reason: "ended: 0 posts, 1,234 malformed" };
  assert.deepEqual(await said(nothing), ["finished, 0 posts read (1,234 malformed)", true]);
  assert.deepEqual(await said({ state: "resting", reason: "night" }), ["resting: night", false]);
});

test("a source is called by its network and what tells it from others", () => {
  const names = {
    "bluesky:": "Bluesky",
    "bluesky://": "Bluesky",
    "bluesky:?url=ws://127.0.0.1:1": "Bluesky",
    "mastodon://mas.example": "Mastodon mas.example",
    "mastodon://mas.example/?scheme=http": "Mastodon mas.example",
    "replay:/data/posts.csv?rate=20&loop=true": "Replay posts.csv",
    "x:": "X",
    "radio://tower": "radio tower",
    odd: "odd",
  };
  assert.deepEqual(Object.keys(names).map(sourceName), Object.values(names));
});
