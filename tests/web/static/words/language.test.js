// The language is the one kept, or else the first that the browser likes.

import assert from "node:assert/strict";
import { test } from "node:test";

const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true });
const CASES = [
  [["id-ID", "en"], null, "id"],
  [["in"], null, "id"], // what Indonesian was called once, and old devices still say
  [["fr", "en-US", "id"], null, "en"],
  [["fr"], null, "en"],
  [[], null, "en"],
  [["en"], "id", "id"],
  [["id"], "xx", "id"],
  [["id"], "toString", "id"],
];

for (const [at, [languages, kept, spoken]] of CASES.entries()) {
  test(`a browser of ${JSON.stringify(languages)} with ${kept} kept begins in ${spoken}, and keeps a change`, async () => {
    const store = new Map(kept ? [["tweetream-language", kept]] : []);
    define("navigator", { languages });
    define("localStorage", { getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value) });
    define("document", { documentElement: { lang: "" }, querySelectorAll: () => [] });
    const { language, onLanguage, setLanguage } = await import(`#page/words/words.js?${at}`);
    assert.deepEqual([language(), document.documentElement.lang], [spoken, spoken]);
    const heard = [];
    onLanguage((now) => heard.push(now));
    const other = spoken === "en" ? "id" : "en";
    await setLanguage(other);
    await setLanguage(other);
    assert.deepEqual([language(), document.documentElement.lang, store.get("tweetream-language")], [other, other, other]);
    assert.deepEqual(heard, [other]);
  });
}
