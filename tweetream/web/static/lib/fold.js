// @ts-check
// Brings texts to one form for all spellings, as the server does (tweetream/words/characters.py): case, accents, full width,
// Turkish i, invisible characters. Knows no DOM.

// The letters of scripts without spaces between words, and the characters that become such letters.
export const SPACELESS =
  "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u1950-\\u19ff\\u1a20-\\u1aaf\\u1b00-\\u1b7f\\ua980-\\ua9ff\\uaa60-\\uaadf" +
  "\\u2e80-\\u2fff\\u3005-\\u3007\\u3021-\\u3035\\u3038-\\u30fa\\u30fc-\\u312f\\u3192-\\u319f\\u31a0-\\u31ff\\u3400-\\u4dbf" +
  "\\u4e00-\\u9fff\\ua000-\\ua4cf\\uf900-\\ufaff\\uff66-\\uff9f\\u{1b000}-\\u{1b16f}\\u{20000}-\\u{323af}";
export const INVISIBLE =
  "\\u00ad\\u034f\\u061c\\u0640\\u07fa\\u180b-\\u180f\\u200c-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufe00-\\ufe0f" +
  "\\ufeff\\u{e0100}-\\u{e01ef}";
const HIDDEN = new RegExp(`[${INVISIBLE}]+`, "gu");
// Putting marks in order can take time that grows with the square of their number (UAX #15, Stream-Safe Text Format).
const MARKS = /([\p{M}\uff9e\uff9f]{30})[\p{M}\uff9e\uff9f]+/gu;

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const isAscii = (text) => /^[\x00-\x7f]*$/.test(text);

export function fold(text) {
  const lower = text.toLowerCase();
  if (isAscii(lower)) return lower;
  return lower.replace(HIDDEN, "").replace(MARKS, "$1").normalize("NFKC").toLowerCase().replace(/i\u0307+/g, "i")
    .normalize("NFKC").replaceAll("ı", "i").replaceAll("ß", "ss").replaceAll("ς", "σ").replaceAll("ſ", "s");
}
