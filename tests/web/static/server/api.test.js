// A token for changes stays in the tab; a token for reading begins a session, and the person is asked once.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Api } from "#page/server/api.js";

const RIGHT = "right";
let asked = []; // what the server was asked: [method, path, token]
let session = false; // whether the browser has the cookie
let closed = true; // whether reading needs a token
let archive = "none"; // its state

const stored = new Map();
globalThis.sessionStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => stored.set(key, value),
  removeItem: (key) => stored.delete(key),
};

const answer = (status, body = null) => new Response(body === null ? null : JSON.stringify(body), { status });
const problem = (status) => answer(status, { title: "No", detail: `${status}` });

globalThis.fetch = async (path, { method, headers }) => {
  const bearer = headers.Authorization?.replace("Bearer ", "") ?? "";
  asked.push([method, path, bearer]);
  await null;
  if (path === "/session" || method === "DELETE" || path.includes("dry_run")) {
    if (bearer !== RIGHT) return problem(bearer ? 403 : 401);
    if (path === "/session") session = true;
    return path.includes("dry_run") ? answer(200, { matches: 1, posts: [], warnings: [] }) : answer(204);
  }
  if (closed && !session) return problem(401);
  if (path === "/archive") return answer(200, { state: archive });
  return answer(200, path.startsWith("/search") ? { posts: [], before: null } : []);
};

// A person who gives these tokens, one after the other, and then cancels.
function person(...tokens) {
  const said = [];
  const api = new Api(async (reason) => {
    said.push(reason);
    return tokens.shift() ?? "";
  });
  return { api, said };
}

beforeEach(() => {
  [asked, session, closed, archive] = [[], false, true, "none"];
  stored.clear();
});

test("calls that are refused together ask the person once, and go on by the session", async () => {
  const { api, said } = person("wrong", RIGHT);
  await Promise.all([api.topics(), api.sources(), api.stats("x")]);
  assert.deepEqual(said, ["No: 401", "No: 403"]);
  assert.deepEqual(asked.filter(([, path]) => path === "/session").map(([, , bearer]) => bearer), ["wrong", RIGHT]);
  assert.ok(asked.every(([, path, bearer]) => path === "/session" || !bearer), "reading sends no token");
  asked = [];
  await api.topics();
  assert.deepEqual(asked, [["GET", "/topics", ""]]);
});

for (const state of ["none", "archiving"]) {
  test(`what an archive would answer is asked for only where there is one: ${state}`, async () => {
    [closed, archive] = [false, state];
    const { api } = person();
    const answers = [await api.search("tol", { last: 50 }), await api.stats("tol", 1000)];
    const stored = state !== "none";
    assert.deepEqual(answers.map(Boolean), [stored, stored]);
    assert.deepEqual(await api.stats("tol"), [], "the last hour needs none");
    const paths = asked.map(([, path]) => path.split("?")[0]);
    assert.deepEqual(paths, ["/archive", ...(stored ? ["/search", "/topics/tol/stats"] : []), "/topics/tol/stats"]);
  });
}

test("a person who gives no token is not asked again every few seconds", async () => {
  const { api, said } = person();
  for (let n = 0; n < 3; n += 1) await assert.rejects(api.topics(), { status: 401 });
  assert.equal(said.length, 1);
});

test("the token of this tab begins a new session without asking, as after a restart of the browser", async () => {
  const { api, said } = person(RIGHT);
  await api.remove("x");
  assert.equal(said.length, 1);
  await api.topics();
  assert.equal(said.length, 1);
  assert.deepEqual(asked.slice(-3).map(([, path]) => path), ["/topics", "/session", "/topics"]);
});

test("a preview asks nobody for a token, and is not tried again with one that is refused", async () => {
  closed = false;
  const { api, said } = person(RIGHT);
  assert.equal(await api.preview("x", []), null);
  assert.equal(await api.preview("x", []), null);
  assert.deepEqual([said, asked.length], [[], 1]);
  await api.remove("x");
  assert.equal((await api.preview("x", ["y"])).matches, 1);
});
