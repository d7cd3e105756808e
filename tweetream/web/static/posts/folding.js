// @ts-check
// The rule for posts that say the same, as reposts do. Two posts are one entry if they have the same label, came within ten
// minutes of the entry's first post, and their texts are the same or nearly so. The entry stands where its first post is.
//
// - Links, @names, a leading "RT" or "via", signs, emoji and capitals do not count.
// - The same words in the same order are the same text.
// - From six different words on, four of five words in common are nearly the same, unless the words that differ hold a digit:
//   "km 5" and "km 8" are two reports.
//
// Knows no DOM.

import { wordsOf } from "./match.js";

export const WITHIN = 600000; // ms
const LEAST_WORDS = 6;
const IN_COMMON = 0.8;
const MOST_WORDS = 100; // of a text that are looked at

/** @typedef {{key: string, words: Set<string>}} Print What counts of a text. */

/** @param {string} text @returns {Print} */
export function printOf(text) {
  const words = wordsOf(text.slice(0, 2000)).map(({ word }) => word).slice(0, MOST_WORDS);
  while (["rt", "via", "repost"].includes(words[0])) words.shift();
  while (words.at(-1) === "via") words.pop();
  return { key: words.join(" "), words: new Set(words) };
}

const counts = (word) => !/\p{Nd}/u.test(word);

/** @param {Print} a @param {Print} b @param {number} common Words in both. */
function near(a, b, common) {
  const all = a.words.size + b.words.size - common;
  if (Math.min(a.words.size, b.words.size) < LEAST_WORDS || common < all * IN_COMMON) return false;
  const differs = (one, other) => [...one.words].filter((word) => !other.words.has(word));
  return [...differs(a, b), ...differs(b, a)].every(counts);
}

/** @param {string} a @param {string} b */
export function same(a, b) {
  const [one, other] = [printOf(a), printOf(b)];
  if (one.key === other.key) return one.key !== "";
  return near(one, other, [...one.words].filter((word) => other.words.has(word)).length);
}

// Finds for a post the entry that it belongs to.
export class Folding {
  #prints = new Map(); // entry: its Print and label
  #byKey = new Map(); // label and key: entries
  #byWord = new Map(); // label and word: entries

  /** @param {(entry: any) => {text?: unknown}} postOf */
  constructor(postOf) {
    this.postOf = postOf;
  }

  // The entry that this one repeats, or null: then others can repeat it.
  place(entry) {
    const print = this.#print(entry);
    const label = `${entry.label}\n`;
    const inTime = (other) => {
      const [first, time] = [other.time || 0, entry.time || 0];
      return Math.max(other.until ?? first, time) - Math.min(first, time) <= WITHIN;
    };
    const there = print.key && (this.#byKey.get(label + print.key) ?? []).find(inTime);
    if (there) return there;
    const common = new Map();
    if (print.words.size >= LEAST_WORDS) {
      for (const word of print.words) {
        for (const other of this.#byWord.get(label + word) ?? []) common.set(other, (common.get(other) ?? 0) + 1);
      }
    }
    for (const [other, n] of common) if (inTime(other) && near(print, this.#prints.get(other).print, n)) return other;
    this.note(entry, print);
    return null;
  }

  #print(entry) {
    return printOf(String(this.postOf(entry).text ?? ""));
  }

  forget(entry) {
    const noted = this.#prints.get(entry);
    if (!noted) return;
    this.#prints.delete(entry);
    for (const [map, key] of this.#placesOf(noted)) {
      const left = map.get(key).filter((other) => other !== entry);
      if (left.length) map.set(key, left);
      else map.delete(key);
    }
  }

  // Others can repeat this entry from now on.
  note(entry, print = this.#print(entry)) {
    const noted = { print, label: `${entry.label}\n` };
    this.#prints.set(entry, noted);
    for (const [map, key] of this.#placesOf(noted)) {
      if (map.has(key)) map.get(key).push(entry);
      else map.set(key, [entry]);
    }
  }

  #placesOf({ print, label }) {
    const words = print.words.size >= LEAST_WORDS ? [...print.words] : [];
    return [[this.#byKey, label + print.key], ...words.map((word) => [this.#byWord, label + word])];
  }
}
