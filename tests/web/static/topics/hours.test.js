// The last hour of a topic as numbers and as a line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { line, minutesOf } from "#page/topics/hours.js";

test("the posts of a minute are those of all labels", () => {
  assert.deepEqual(minutesOf([{ labels: { traffic: 2, talk: 3 } }, { labels: {} }, {}]), [5, 0, 0]);
});

test("the line fills its box and is flat where nothing came", () => {
  assert.equal(line([0, 5, 10], 100, 20), "0.0,20.0 50.0,10.0 100.0,0.0");
  assert.equal(line([0, 0], 100, 20), "0.0,20.0 100.0,20.0");
  assert.equal(line([1], 100, 20), "0.0,0.0");
});
