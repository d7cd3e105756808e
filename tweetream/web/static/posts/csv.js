// @ts-check
// Posts as a CSV file (RFC 4180) for a spreadsheet. It is UTF-8 with a byte order mark, without which some spreadsheets
// choose another encoding. A cell that a spreadsheet would run as a formula gets an apostrophe before it, whether it
// separates cells by commas, semicolons or tabs. tweetream/models/csv_cell.py does the same.

const COLUMNS = ["id", "topic", "source", "url", "author", "text", "lang", "created_at", "received_at", "label", "score"];
const BOM = "\ufeff";

// Numbers are safe. A spreadsheet skips blanks, invisible characters and quotes before a formula, and knows full-width
// signs.
const SKIPPED = String.raw`"\ufeff\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u2060`;
const SIGN = String.raw`[=+\-@\uff1d\uff0b\uff0d\uff20]`;
const FORMULA = new RegExp(`^[\\s${SKIPPED}]*${SIGN}|^[\\t\\r\\n]`);
// A spreadsheet that separates by semicolons, as in Indonesia, or by tabs starts a new cell after each of them and after
// each line end, also inside quotes. What is skipped holds no separator and is one class, so that the search takes linear
// time.
const INNER = new RegExp(`([;\\t\\r\\n](?:(?![\\t\\r\\n])[\\s${SKIPPED}])*)(?=${SIGN})`, "g");

function cell(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "number") return String(value);
  const text = Array.isArray(value) ? value.join(" ") : String(value);
  const inner = text.replace(INNER, "$1'");
  const safe = FORMULA.test(text) ? `'${inner}` : inner;
  return /[",\r\n]/.test(safe) || safe.trim() !== safe ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const lines = (rows) => rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");

export const csvHead = () => BOM + lines([COLUMNS]);

export const csvRows = (posts) => lines(posts.map((post) => COLUMNS.map((column) => post[column])));

// "tweetream-jakarta-20260101-0930.csv", in local time.
export function fileName(topics, now, format = "csv") {
  const two = (n) => String(n).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const names = topics.join("-").replace(/[^a-z0-9_-]/g, "").slice(0, 80);
  return `${["tweetream", names, day, two(now.getHours()) + two(now.getMinutes())].filter(Boolean).join("-")}.${format}`;
}
