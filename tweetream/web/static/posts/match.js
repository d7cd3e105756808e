// @ts-check
// Finds what a topic's terms ask for in a post's text, by the rules of the server: whole words in any case, `#tag` is
// `tag`, phrases over punctuation, parts of words, nothing in addresses and @names. Knows no DOM.
//
// The server's rules are in tweetream/words. The posts come from the server, so each match
// shows; that a post has all words of a term, and none that the term excludes, is not checked again. Limit: forms that
// only the server splits (™ after a word, unusual entities) match, but are not marked.

import { fold, INVISIBLE, SPACELESS } from "../lib/fold.js";

const SUFFIX = "\\.(?:com|co|net|org|edu|gov|info|id|my|sg|io|ly|gl|me|tv|be|app|dev|social|news|blog|xyz)";
const IN_URL = "[!#-;=?\\[\\]_a-z~@]";
const ACCENTS = "\\u00c0-\\u024f\\u0300-\\u036f\\u1e00-\\u1eff";
const OUT = new RegExp(
  [
    `https?://(?:t\\.co/[0-9a-z]+|${IN_URL}+)`,
    `(?<![0-9a-z_])www\\.${IN_URL}+`,
    `(?<![0-9a-z_.@-])[0-9a-z-]+(?:\\.[0-9a-z-]+){0,8}${SUFFIX}/${IN_URL}*`,
    `@[0-9a-z_]+(?![0-9a-z_${ACCENTS}])(?:(?:[.-][0-9a-z_]+){0,8}@(?:(?![${SPACELESS}])[\\p{L}\\p{N}_.-])+|(?:[.-][0-9a-z_]+){0,8}${SUFFIX}(?![0-9a-z_]))?`,
    "&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});",
  ].join("|"),
  "giu",
);
const WORD = new RegExp(
  `[${SPACELESS}](?:[${SPACELESS}\\p{Mn}\\p{Mc}${INVISIBLE}\\u200b]*[${SPACELESS}\\p{Mn}\\p{Mc}])?` +
    `|[\\p{L}\\p{N}_](?:(?![${SPACELESS}])[\\p{L}\\p{N}_\\p{Mn}\\p{Mc}${INVISIBLE}])*`,
  "gu",
);
export const IS_SPACELESS = new RegExp(`^[${SPACELESS}]`, "u");
const CAPITALS = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{Nd}+|[^\p{Lu}\p{Ll}\p{Nd}_]+/gu;

// The words of a text: {word, start, end, part}; words of different parts have an address or a name between them. With
// `all` the words of addresses and names are words too.
export function wordsOf(text, all = false) {
  const words = [];
  let [from, part] = [0, 0];
  const read = (until) => {
    for (const match of text.slice(from, until).matchAll(WORD)) {
      const lead = /^_*/.exec(match[0])[0].length;
      const bare = match[0].slice(lead).replace(/(?<!_)_+$/, "");
      const start = from + match.index + lead;
      if (bare) words.push({ word: fold(bare).replaceAll("\u200b", ""), start, end: start + bare.length, part });
    }
    part += 1;
  };
  for (const match of !all && /[@/&\uff20]|www\./i.test(text) ? text.matchAll(OUT) : []) {
    read(match.index);
    from = match.index + match[0].length;
  }
  read(text.length);
  return words;
}

// For each hashtag with capitals inside, its words: #JakartaMacet has [jakarta, macet].
function wordsOfCapitals(text, words) {
  const tags = words.filter(({ start }) => text[start - 1] === "#" || text[start - 1] === "\uff03");
  return tags.map(({ start, end }) => {
    const parts = [...text.slice(start, end).matchAll(CAPITALS)];
    if (!parts.slice(1).some(([part]) => /^\p{Lu}/u.test(part))) return [];
    return parts.map((part) => {
      const at = start + part.index;
      return { word: fold(part[0]), start: at, end: at + part[0].length, part: 0 };
    });
  });
}

// The words and phrases to mark for a term: {words, open, unclosed}; a part of a word may match at an open end.
function atomsOf(term) {
  const phrases = [[]];
  for (const [token, minus, quoted] of term.matchAll(/(-*)"([^"]*)"|[^\s"]+/g)) {
    if (quoted !== undefined) phrases.push(minus ? [] : [quoted], []);
    else if (/^(?:&&?|AND|-+[^-].*)$/.test(token)) phrases.push([]);
    else phrases.at(-1).push(token);
  }
  return phrases.map((tokens) => {
    const phrase = tokens.join(" ");
    const words = wordsOf(phrase).map(({ word }) => word);
    const open = phrase.startsWith("*") || IS_SPACELESS.test(words[0] ?? "");
    return { words, open, unclosed: phrase.endsWith("*") || IS_SPACELESS.test(words.at(-1) ?? "") };
  }).filter(({ words }) => words.length);
}

// Where a word of a text has the part: [[from, until], …] in the folded word.
function placesIn(word, part, open, unclosed) {
  if (!open && !unclosed) return word === part ? [[0, word.length]] : [];
  if (!open) return word.startsWith(part) ? [[0, part.length]] : [];
  if (!unclosed) return word.endsWith(part) ? [[word.length - part.length, word.length]] : [];
  const found = [];
  for (let at = word.indexOf(part); at >= 0; at = word.indexOf(part, at + part.length)) found.push([at, at + part.length]);
  return found;
}

// The ranges of an atom that begins at the word `at`; a range ends where an address or a name stands between words.
function rangesAt(words, at, { words: parts, open, unclosed }) {
  const ranges = [];
  const last = parts.length - 1;
  for (const [nth, part] of parts.entries()) {
    const one = words[at + nth];
    const places = one ? placesIn(one.word, part, open && nth === 0, unclosed && nth === last) : [];
    if (!places.length) return [];
    const exact = one.word.length === one.end - one.start; // otherwise folding has moved the letters
    for (const [from, until] of places) {
      const [start, end] = exact ? [one.start + from, one.start + until] : [one.start, one.end];
      if (nth && words[at + nth - 1].part === one.part) ranges.at(-1)[1] = end;
      else ranges.push([start, end]);
    }
  }
  return ranges;
}

export class Marker {
  #closed = new Map(); // first word: the atoms that begin with the whole word
  #open = []; // the others

  constructor(track) {
    for (const atom of track.flatMap((term) => atomsOf(String(term)))) {
      const [first] = atom.words;
      if (atom.open || (atom.unclosed && atom.words.length === 1)) this.#open.push(atom);
      else if (!this.#closed.has(first)) this.#closed.set(first, [atom]);
      else this.#closed.get(first).push(atom);
    }
  }

  // [[start, end], …] of the matches, in order, without overlap.
  ranges(text) {
    if (!this.#closed.size && !this.#open.length) return [];
    const words = wordsOf(text);
    const found = [words, ...wordsOfCapitals(text, words)].flatMap((list) => this.#rangesIn(list));
    const ranges = [];
    for (const [start, end] of found.sort(([a], [b]) => a - b)) {
      const last = ranges.at(-1);
      if (last && start < last[1]) last[1] = Math.max(last[1], end);
      else ranges.push([start, end]);
    }
    return ranges;
  }

  #rangesIn(words) {
    return words.flatMap(({ word }, at) => {
      const atoms = [...(this.#closed.get(word) ?? []), ...this.#open];
      return atoms.flatMap((atom) => rangesAt(words, at, atom));
    });
  }
}
