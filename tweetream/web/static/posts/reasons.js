// @ts-check
// Brings the words that a model has read to their places in the text. The model reads abbreviations written out and
// lengthened words shortened, so a word of the text can be several or other words there. Knows no DOM.

import { wordsOf } from "./match.js";

const AHEAD = 8; // words that are looked at to find where both go on alike
const MOST_WORDS = 3000;

/** @typedef {{start: number, end: number, text: string, weight: number, read: string}} Place `read` is "" where it is the same. */

/**
 * @param {string} text
 * @param {[string, number][]} read The model's words with their weights, in the order of the text.
 * @returns {Place[]}
 */
export function placesOf(text, read) {
  let words = wordsOf(text).slice(0, MOST_WORDS);
  if (new Set(read.map(([word]) => word)).size === read.length) {
    const seen = new Set(); // some models read each word once
    words = words.filter(({ word }) => !seen.has(word) && seen.add(word));
  }
  const places = [];
  let [at, there] = [0, 0];
  while (at < words.length && there < read.length) {
    const [own, theirs] = meeting(words, at, read, there);
    if (own || theirs) {
      // without a word of the text before it, what was put in belongs to the next one: "cipali" is "tol cipali"
      const more = own === 0 && at < words.length ? 1 : 0;
      add(places, text, words.slice(at, at + own + more), read.slice(there, there + theirs + more));
      [at, there] = [at + own + more, there + theirs + more];
    } else {
      add(places, text, [words[at]], [read[there]]);
      [at, there] = [at + 1, there + 1];
    }
  }
  return places;
}

// How many words on each side come before both go on alike.
function meeting(words, at, read, there) {
  for (let all = 0; all <= 2 * AHEAD; all += 1) {
    for (let own = Math.max(0, all - AHEAD); own <= Math.min(all, AHEAD); own += 1) {
      const [word, other] = [words[at + own]?.word, read[there + all - own]?.[0]];
      if (word !== undefined && word === other) return [own, all - own];
    }
  }
  return [Math.min(AHEAD, words.length - at), Math.min(AHEAD, read.length - there)];
}

function add(places, text, words, read) {
  if (!words.length) return;
  const [start, end] = [words[0].start, words.at(-1).end];
  const [mine, theirs] = [words.map(({ word }) => word).join(" "), read.map(([word]) => word).join(" ")];
  const weight = read.reduce((sum, [, one]) => sum + one, 0);
  places.push({ start, end, text: text.slice(start, end), weight, read: theirs && theirs !== mine ? theirs : "" });
}
