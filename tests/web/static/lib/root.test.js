// Where the worker is, as the page's own address says.

import assert from "node:assert/strict";
import { test } from "node:test";

async function under(baseURI) {
  globalThis.document = /** @type {any} */ ({ baseURI });
  try {
    return await import(`#page/lib/root.js?${encodeURIComponent(baseURI)}`);
  } finally {
    delete globalThis.document;
  }
}

test("a path is below the page's own, whatever the page's address asks for", async () => {
  for (const [page, prefix] of [
    ["http://localhost:6066/", ""],
    ["http://localhost:6066/?label=traffic&q=a/b#jakarta", ""],
    ["https://posts.example/tweetream/?q=a/b#jakarta", "/tweetream"],
    ["https://posts.example/a/b%20c/", "/a/b%20c"],
  ]) {
    const { at } = await under(page);
    assert.equal(at("/topics?dry_run=true"), `${prefix}/topics?dry_run=true`);
    assert.equal(at("/#jakarta"), `${prefix}/#jakarta`);
  }
});
