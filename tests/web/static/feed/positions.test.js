// Positions as the server writes them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { positionsOf, positionText } from "#page/feed/positions.js";

test("each topic of a position has its generation and offset, and what is no position is left out", () => {
  assert.deepEqual(positionsOf("a@k9:12,b@x:0,nothing"), {
    a: { generation: "k9", offset: 12 },
    b: { generation: "x", offset: 0 },
  });
  assert.deepEqual(positionsOf(null), {});
});

test("a position is written as the server does", () => {
  assert.equal(positionText("a", { generation: "k9", offset: 13 }), "a@k9:13");
  assert.equal(positionText("a", positionsOf("a@k9:00").a), "a@k9:00", "before the first post");
});
