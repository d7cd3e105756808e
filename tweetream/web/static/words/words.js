// @ts-check
// The page's texts in the person's language, by key; plurals, numbers and times by Intl.
//
// The choice is kept on this device; without one the browser's languages decide. Static HTML carries its key in
// `data-t` (the text), `data-t-label` (aria-label), `data-t-placeholder` or `data-t-title`. The server's error
// texts are not translated. Runs in Node too, without a document.

import { keep, kept } from "../lib/storage.js";

const KEY = "language";
const LANGUAGES = {
  en: { first: () => import("./en.js"), later: () => import("./en-later.js"), locale: "en-GB" },
  id: { first: () => import("./id.js"), later: () => import("./id-later.js"), locale: "id-ID" },
};
const ATTRIBUTES = { "data-t-label": "aria-label", "data-t-placeholder": "placeholder", "data-t-title": "title" };

const listeners = new Set();
let formats = new Map();

function preferred() {
  const known = (globalThis.navigator?.languages ?? []).map((tag) => tag.toLowerCase().split("-")[0]);
  return known.map((tag) => (tag === "in" ? "id" : tag)).find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? "en";
}

async function load(name) {
  const wanted = all;
  const { first, later } = LANGUAGES[name];
  const parts = await Promise.all([first(), ...(wanted ? [later()] : [])]);
  if (wanted !== all) return load(name);
  return Object.assign({}, ...parts.map((part) => part.default));
}

let current = Object.hasOwn(LANGUAGES, kept(KEY) ?? "") ? kept(KEY) : preferred();
let all = false; // whether the texts of the parts that are loaded later are wanted too
let words = /** @type {Record<string, string | Record<string, string>>} */ (await load(current));
if (globalThis.document) document.documentElement.lang = current;

export const languages = Object.keys(LANGUAGES);

export const language = () => current;

// For Intl: days and months are written as in Britain, not in America.
export const locale = () => LANGUAGES[current].locale;

// Resolves when the words of the parts that are loaded later are there; rejects as setLanguage.
export async function laterWords() {
  all = true;
  const name = current;
  const loaded = await load(name);
  if (name !== current) return laterWords();
  words = loaded;
}

// Resolves when the words are there, and rejects with a TypeError where they cannot be loaded.
export async function setLanguage(wanted) {
  if (!Object.hasOwn(LANGUAGES, wanted)) throw new RangeError(`no words in ${wanted}`);
  const loaded = await load(wanted);
  keep(KEY, wanted);
  if (wanted === current) return;
  [current, words] = [wanted, loaded];
  formats = new Map();
  if (globalThis.document) {
    document.documentElement.lang = wanted;
    translate(document);
  }
  for (const act of [...listeners]) act(wanted);
}

// act(language) is called after each change, to write the texts that scripts made. Returns a function that ends this.
export function onLanguage(act) {
  listeners.add(act);
  return () => listeners.delete(act);
}

function format(kind, options) {
  const key = `${kind} ${JSON.stringify(options ?? {})}`;
  if (!formats.has(key)) formats.set(key, new Intl[kind](locale(), options));
  return formats.get(key);
}

export const number = (n, options) => format("NumberFormat", options).format(n);

export const time = (ms, options) => format("DateTimeFormat", options).format(ms);

export const list = (items) => format("ListFormat", { type: "conjunction" }).format(items);

// relative(-5, "minute"): "5 min ago"
export const relative = (value, unit) =>
  format("RelativeTimeFormat", { style: "short", numeric: "always" }).format(value, unit);

// Whether a key has a text. Labels and networks are names from outside, and may have none.
export const has = (key) => Object.hasOwn(words, key);

// The text of a key. Where it has plural forms, values.n chooses; values that are numbers are written by Intl.
export function t(key, values = {}) {
  if (!has(key)) return key;
  const entry = words[key];
  const text = typeof entry === "string" ? entry : (entry[format("PluralRules").select(values.n ?? 0)] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (hole, name) => {
    const value = values[name];
    if (value === undefined) return hole;
    return typeof value === "number" ? number(value) : String(value);
  });
}

// Writes the texts of all elements in `root` that carry a key. An element with `data-t` has no children.
export function translate(root) {
  const all = (selector) => [...(root.matches?.(selector) ? [root] : []), ...root.querySelectorAll(selector)];
  for (const node of all("[data-t]")) node.textContent = t(node.dataset.t);
  for (const [from, to] of Object.entries(ATTRIBUTES)) {
    for (const node of all(`[${from}]`)) node.setAttribute(to, t(node.getAttribute(from)));
  }
}
