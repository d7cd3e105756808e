// The page's modules: what is loaded first is what is needed first, and imports go one way.

import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { FILES, imports, reached } from "./modules.js";

const HTML = FILES.get("index.html");

test("the modules that are loaded early are those that the page imports, in the order of their paths", () => {
  const early = [...HTML.matchAll(/rel="modulepreload" href="static\/([^"]+)"/g)].map(([, path]) => path);
  assert.deepEqual(early, [...reached("app.js")].filter((path) => path !== "app.js").sort());
});

test("every file that the page names is there, and every module is used", () => {
  const named = [...HTML.matchAll(/(?:href|src)="static\/([^"]+)"/g)].map(([, path]) => path);
  for (const path of named.filter((one) => /\.(js|css)$/.test(one))) assert.ok(FILES.has(path), path);
  const late = [...FILES].flatMap(([path, text]) =>
    [...text.matchAll(/\bimport\("(\.[^"]*)"\)/g)].map(([, to]) => posix.join(posix.dirname(path), to)));
  const scripts = named.filter((path) => path.endsWith(".js"));
  const used = new Set([...scripts, ...late].flatMap((path) => [...reached(path)]));
  assert.deepEqual([...FILES.keys()].filter((path) => path.endsWith(".js") && !used.has(path)), []);
});

test("no address of the page leads out of the path that a proxy gives it", () => {
  assert.deepEqual([...HTML.matchAll(/(?:href|src|action)="\/[^"]*"/g)].map(([found]) => found), []);
  for (const [path, text] of FILES) {
    if (path.startsWith("vendor/")) continue;
    assert.doesNotMatch(text, /\b(?:fetch|EventSource|URL|import)\(\s*["'`]\//, path);
    assert.doesNotMatch(text, /url\(\s*["']?\//, path);
    const calls = [...text.matchAll(/\b(?:fetch|new EventSource)\((\w+)/g)].map(([, first]) => first);
    assert.ok(calls.every((first) => first === "at"), `${path}: addresses of the worker are made by at()`);
  }
});

test("no module imports itself by way of others", () => {
  for (const path of reached("app.js")) {
    for (const next of imports(path)) assert.ok(!reached(next).has(path), `${path} and ${next}`);
  }
});

test("each of our modules is type-checked, and says what it is for in its next line", () => {
  for (const [path, text] of FILES) {
    if (path.endsWith(".js") && !path.startsWith("vendor/")) assert.match(text, /^\/\/ @ts-check\n\/\/ \S/, path);
  }
});
