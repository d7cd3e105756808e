// @ts-check
// The filter's language: words in any order, "phrases", -words that must not be there. A word also finds longer words that
// begin with it. Text and author are looked at. Knows no DOM.

import { serverQuery } from "../lib/address.js";
import { postOf } from "./entry.js";
import { IS_SPACELESS, wordsOf } from "./match.js";

/**
 * @typedef {{words: string[], exact: boolean, not: boolean, asked: string}} Part A phrase is exact, a word may go on; `asked`
 *   is the same in the language of the archive.
 */

/** @param {string} text @returns {Part[]} */
export function partsOf(text) {
  const parts = [];
  for (const [, minus, phrase, word] of text.matchAll(/(-*)(?:"([^"]*)"?|([^\s"]+))/g)) {
    const words = wordsOf(phrase ?? word, true).map((one) => one.word);
    const asked = phrase === undefined ? `${word.replace(/\*+$/, "")}*` : `"${phrase}"`;
    if (words.length) parts.push({ words, exact: phrase !== undefined, not: minus !== "", asked: (minus && "-") + asked });
  }
  return parts;
}

// Where in a word the sought one begins, or -1; scripts without spaces have it anywhere.
const placeIn = (word, sought, whole) => {
  if (word === undefined) return -1;
  if (IS_SPACELESS.test(sought)) return word.indexOf(sought);
  return word === sought || (!whole && word.startsWith(sought)) ? 0 : -1;
};

const found = (words, at, { words: sought, exact }) =>
  sought.every((one, nth) => placeIn(words[at + nth]?.word, one, exact || nth < sought.length - 1) >= 0);

const placesOf = (words, part) => words.flatMap((_, at) => (found(words, at, part) ? [at] : []));

/**
 * Whether an entry passes a filter. Most posts fail the quick test of the raw JSON, where it has no escapes.
 * @param {import("../lib/address.js").Filter} filter
 */
export function passing({ labels, minScore, text }) {
  const parts = partsOf(text);
  const plain = parts.filter(({ not }) => !not).flatMap(({ words }) => words).filter((word) => /^[a-z0-9]+$/.test(word));
  const tests = [
    (entry) => !labels.length || labels.includes(entry.label),
    (entry) => {
      const raw = entry.data && !entry.data.includes("\\u") ? entry.data.toLowerCase() : "";
      return !raw || /[^\x20-\x7e]/.test(raw) || plain.every((word) => raw.includes(word));
    },
    (entry) => {
      if (!parts.length) return true;
      const post = postOf(entry);
      const author = String(post.author ?? "");
      const words = wordsOf(`${post.text ?? ""}\n${author}\n${author.replaceAll("_", " ")}`, true);
      return parts.every((part) => placesOf(words, part).length > 0 !== part.not);
    },
    (entry) => !minScore || Number(postOf(entry).score ?? 0) >= minScore,
  ];
  return (entry) => tests.every((passes) => passes(entry));
}

/**
 * A filter as a query of the archive, as far as that knows it.
 * @param {import("../lib/address.js").Filter} filter
 */
export function archiveQuery(filter) {
  const query = new URLSearchParams(serverQuery(filter));
  const q = partsOf(filter.text).map(({ asked }) => asked).join(" ");
  if (q) query.set("q", q);
  return query.toString();
}

// [[start, end], …] of what a filter's text finds in a post's text.
export function foundRanges(query, text) {
  const parts = partsOf(query).filter(({ not }) => !not);
  if (!parts.length) return [];
  const words = wordsOf(text, true);
  return parts.flatMap((part) =>
    placesOf(words, part).map((at) => {
      const [first, last] = [words[at], words[at + part.words.length - 1]];
      const from = part.words.length === 1 ? Math.max(0, placeIn(first.word, part.words[0], part.exact)) : 0;
      const start = Math.min(first.start + from, first.end);
      const length = part.words.length === 1 ? part.words[0].length : last.start - start + part.words.at(-1).length;
      return [start, part.exact && !from ? last.end : Math.min(last.end, start + length)];
    }));
}
