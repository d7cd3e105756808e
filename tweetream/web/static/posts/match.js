// @ts-check
// Finds a topic's words in a post's text, by the rules of the server: whole words in any case, `#tag` is `tag`, phrases
// over punctuation, nothing in addresses and @names. Knows no DOM.
//
// The server's rules are in tweetream/text.py. Limit: forms that only the server splits (™ after a word, unusual
// entities) match, but are not marked.

const SUFFIX = "\\.(?:com|co|net|org|edu|gov|info|id|my|sg|io|ly|gl|me|tv|be|app|dev|social|news|blog|xyz)";
const INVISIBLE = "\\u00ad\\u034f\\u061c\\u200c-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufe00-\\ufe0f\\ufeff";
const IN_URL = "[!#-;=?\\[\\]_a-z~@]";
const OUT = new RegExp(
  [
    `https?://(?:t\\.co/[0-9a-z]+|${IN_URL}+)`,
    `(?<![\\p{L}\\p{N}_])www\\.${IN_URL}+`,
    `(?<![\\p{L}\\p{N}_.@-])[0-9a-z-]+(?:\\.[0-9a-z-]+){0,8}${SUFFIX}/${IN_URL}*`,
    `@[\\p{L}\\p{N}_]+(?:(?:[.-][\\p{L}\\p{N}_]+){0,8}@[\\p{L}\\p{N}_]+(?:[.-][\\p{L}\\p{N}_]+){0,8}|(?:[.-][\\p{L}\\p{N}_]+){0,8}${SUFFIX}(?![\\p{L}\\p{N}_]))?`,
    "&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});",
  ].join("|"),
  "giu",
);
const WORD = new RegExp(`[\\p{L}\\p{N}_](?:[\\p{L}\\p{N}_\\p{Mn}\\p{Mc}]|[${INVISIBLE}])*`, "gu");
const HIDDEN = new RegExp(`[${INVISIBLE}]+`, "gu");

const folded = (word) =>
  word.replace(HIDDEN, "").toLowerCase().normalize("NFKC").toLowerCase().normalize("NFKC")
    .replaceAll("ß", "ss").replaceAll("ς", "σ").replaceAll("ſ", "s");

// The words of a text: {word, start, end, part}; words of different parts have an address or a name between them.
function wordsOf(text) {
  const words = [];
  let [from, part] = [0, 0];
  const read = (until) => {
    for (const match of text.slice(from, until).matchAll(WORD)) {
      const lead = /^_*/.exec(match[0])[0].length;
      const bare = match[0].slice(lead).replace(/_+$/, "");
      const start = from + match.index + lead;
      if (bare) words.push({ word: folded(bare), start, end: start + bare.length, part });
    }
    part += 1;
  };
  for (const match of /[@/&]|www\./i.test(text) ? text.matchAll(OUT) : []) {
    read(match.index);
    from = match.index + match[0].length;
  }
  read(text.length);
  return words;
}

export class Marker {
  #terms = new Map(); // first word: the terms that begin with it, the longest first

  constructor(track) {
    for (const term of track) {
      const words = wordsOf(String(term)).map(({ word }) => word);
      if (!words.length) continue;
      if (!this.#terms.has(words[0])) this.#terms.set(words[0], []);
      this.#terms.get(words[0]).push(words);
    }
    for (const terms of this.#terms.values()) terms.sort((a, b) => b.length - a.length);
  }

  // [[start, end], …] of the matches, in order, without overlap.
  ranges(text) {
    if (!this.#terms.size) return [];
    const words = wordsOf(text);
    const found = [];
    let free = 0;
    words.forEach(({ word }, at) => {
      const fits = (term) => term.every((one, nth) => words[at + nth]?.word === one);
      const term = this.#terms.get(word)?.find(fits);
      if (!term || at + term.length <= free) return;
      for (const one of words.slice(Math.max(at, free), at + term.length)) {
        const last = found.at(-1);
        if (last && last.joined === at && last.part === one.part) last.end = one.end;
        else found.push({ start: one.start, end: one.end, part: one.part, joined: at });
      }
      free = at + term.length;
    });
    return found.map(({ start, end }) => [start, end]);
  }
}
