// What the form asks for while a person types.

import assert from "node:assert/strict";
import { test } from "node:test";
import { question } from "#page/topics/preview.js";

test("a name is enough, and so are words", () => {
  assert.deepEqual(question("macet", []), { name: "macet", track: [] });
  assert.deepEqual(question("macet", ["tol"]), { name: "macet", track: ["tol"] });
  assert.deepEqual(question("", ["tol"]), { name: "preview", track: ["tol"] });
  assert.deepEqual(question("Tidak sah", ["tol"]), { name: "preview", track: ["tol"] });
  assert.equal(question("", []), null);
  assert.equal(question("Tidak sah", []), null);
});
