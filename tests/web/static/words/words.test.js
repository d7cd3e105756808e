// What the page says: complete in each language, and in that language's own forms.

import assert from "node:assert/strict";
import { test } from "node:test";
import enFirst from "#page/words/en.js";
import enLater from "#page/words/en-later.js";
import idFirst from "#page/words/id.js";
import idLater from "#page/words/id-later.js";
import { has, laterWords, list, number, relative, setLanguage, t } from "#page/words/words.js";
import { pageFiles } from "../files.js";
import { reached } from "../modules.js";

const [en, id] = [{ ...enFirst, ...enLater }, { ...idFirst, ...idLater }];
const LANGUAGES = { en, id };
const SAME = new Set(["filter.label", "token.name"]); // the word is the same in both
const textsOf = (entry) => (typeof entry === "string" ? [entry] : Object.values(entry));
const holes = (entry) => {
  const text = typeof entry === "string" ? entry : entry.other;
  return [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort();
};
const ours = pageFiles().filter(({ path }) => !path.startsWith("vendor/"));
const modules = ours.filter(({ path }) => path.endsWith(".js"));
const asking = modules.filter(({ path }) => !/^words\/(en|id)\b/.test(path));

test("each language has every text and no other, in the same order", () => {
  assert.ok(Object.keys(en).length);
  assert.deepEqual(Object.keys(idFirst), Object.keys(enFirst));
  assert.deepEqual(Object.keys(idLater), Object.keys(enLater));
});

test("the texts that come later are those of the parts that come later, and no text is in vain", () => {
  const text = (paths) => ours.filter(({ path }) => paths.has(path)).map((one) => one.text).join("\n");
  const used = (said) => (key) => said.includes(`"${key}"`) || [...said.matchAll(/`(\w+\.(?:\w+\.)*)\$\{/g)].some(([, start]) => key.startsWith(start));
  const early = used(text(new Set([...reached("app.js"), "index.html"])));
  assert.deepEqual(Object.keys(enLater).filter(early), []);
  assert.deepEqual(Object.keys(en).filter((key) => !(key in enLater) && !early(key)), []);
  assert.deepEqual(Object.keys(enLater).filter((key) => !used(asking.map((one) => one.text).join("\n"))(key)), []);
});

test("the hint for a topic's words shows what to leave out after what to look for", () => {
  for (const words of [en, id]) assert.match(words["add.trackHint"], /, macet -tol /);
});

test("a text has the same holes in each language", () => {
  for (const key of Object.keys(en)) assert.deepEqual(holes(id[key]), holes(en[key]), key);
});

test("no text is empty or left in English", () => {
  for (const [key, entry] of Object.entries(en)) {
    for (const text of [...textsOf(entry), ...textsOf(id[key])]) assert.ok(text.trim(), key);
    if (!SAME.has(key)) assert.notDeepEqual(id[key], entry, key);
  }
});

test("a text that counts has exactly the plural forms of its language", () => {
  const counting = Object.entries(LANGUAGES).map(([language, texts]) => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories.sort();
    const plural = Object.entries(texts).filter(([, entry]) => typeof entry !== "string");
    for (const [key, entry] of plural) {
      assert.deepEqual(Object.keys(entry).sort(), forms, key);
      assert.ok(holes(entry).includes("n"), key);
      for (const text of textsOf(entry)) for (const hole of holes(text)) assert.ok(holes(entry).includes(hole), key);
    }
    return plural.map(([key]) => key);
  });
  assert.deepEqual(counting[0], counting[1]);
});

test("every text that the page asks for is there", () => {
  const asked = ours.flatMap(({ path, text }) => {
    const pattern = path.endsWith(".html") ? /\bdata-t(?:-\w+)?="([^"]*)"/g : /(?<![\w.])t\(\s*"([^"]*)"/g;
    return path.endsWith(".css") ? [] : [...text.matchAll(pattern)].map(([, key]) => key);
  });
  assert.ok(asked.length);
  assert.deepEqual(asked.filter((key) => !(key in en)), []);
});

test("what the page's HTML says before its scripts run is the same in English", () => {
  const { text } = ours.find(({ path }) => path === "index.html");
  const written = [...text.matchAll(/\bdata-t="([^"]+)"[^>]*>([^<]+)</g)];
  assert.ok(written.length > 8);
  for (const [, key, said] of written) assert.equal(said, en[key], key);
});

test("what looks like a key is one, also where it is handed on before it is asked for", () => {
  const areas = [...new Set(Object.keys(en).filter((key) => key.includes(".")).map((key) => key.split(".")[0]))];
  const pattern = new RegExp(`"((?:${areas.join("|")})\\.\\w+)"`, "g");
  const found = asking.flatMap(({ text }) => [...text.matchAll(pattern)].map(([, key]) => key));
  assert.ok(found.length);
  assert.deepEqual(found.filter((key) => !(key in en)), []);
});

test("a key that is put together has texts behind it", () => {
  const beginnings = asking.flatMap(({ text }) => [...text.matchAll(/(?<![\w.])t\(\s*`([^`$]*)\$\{/g)].map(([, one]) => one));
  assert.ok(beginnings.length);
  assert.deepEqual(beginnings.filter((one) => !Object.keys(en).some((key) => key.startsWith(one))), []);
});

test("a text is said in the language chosen with its plural and its numbers", async () => {
  const say = () => [
    ...[t("topics.perMinute", { n: 1 }), t("topics.perMinute", { n: 1234 })],
    ...[number(1234.5), relative(-5, "minute"), list(["a", "b"])],
    ...[t("topics.menu", { name: "{n} $& <b>" }), t("no such key"), has("no such key"), has("toString")],
  ];
  await setLanguage("en");
  assert.equal(has("fault.gone"), false);
  await laterWords();
  assert.equal(t("fault.gone"), en["fault.gone"]);
  assert.deepEqual(say(), [
    ...["1 post a minute", "1,234 posts a minute", "1,234.5", "5 min ago", "a and b"],
    ...["More for {n} $& <b>", "no such key", false, false],
  ]);
  await setLanguage("id");
  assert.equal(t("fault.gone"), id["fault.gone"]);
  assert.deepEqual(say(), [
    ...["1 kiriman per menit", "1.234 kiriman per menit", "1.234,5", "5 mnt lalu", "a dan b"],
    ...["Lainnya untuk {n} $& <b>", "no such key", false, false],
  ]);
});
