// A long answer, read line by line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf } from "#page/server/lines.js";

test("who stops to read lines wants no more of them from the server", async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("a\nb\n")),
    cancel() {
      cancelled = true;
    },
  });
  for await (const lines of linesOf(new Response(body))) {
    assert.deepEqual(lines, ["a", "b"]);
    break;
  }
  await new Promise((done) => setImmediate(done));
  assert.ok(cancelled);
});
