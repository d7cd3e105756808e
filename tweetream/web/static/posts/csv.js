// @ts-check
// Posts as a CSV file (RFC 4180) for a spreadsheet. It is UTF-8 with a byte order mark, without which some spreadsheets
// choose another encoding. A cell that a spreadsheet would run as a formula gets an apostrophe before it.

const COLUMNS = ["id", "topic", "source", "url", "author", "text", "lang", "created_at", "received_at", "label", "score"];
const BOM = "\ufeff";

// The start of a formula, also after blanks, also as a full-width character. Numbers are safe.
const FORMULA = /^[\s\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;
// In countries that separate lists by semicolons, as Indonesia, a spreadsheet starts a new cell after each semicolon and
// line end, also inside quotes.
const INNER = /([;\r\n][^\S\r\n]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

function cell(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "number") return String(value);
  const text = Array.isArray(value) ? value.join(" ") : String(value);
  const inner = text.replace(INNER, "$1'");
  const safe = FORMULA.test(text) ? `'${inner}` : inner;
  return /[",\r\n]/.test(safe) || safe.trim() !== safe ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvOf(posts) {
  const rows = [COLUMNS, ...posts.map((post) => COLUMNS.map((column) => post[column]))];
  return BOM + rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

// "tweetream-jakarta-20260101-0930.csv", in local time.
export function fileName(topics, now) {
  const two = (n) => String(n).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const names = topics.join("-").replace(/[^a-z0-9_-]/g, "").slice(0, 80);
  return `${["tweetream", names, day, two(now.getHours()) + two(now.getMinutes())].filter(Boolean).join("-")}.csv`;
}

export function save(posts, topics) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csvOf(posts)], { type: "text/csv;charset=utf-8" }));
  link.download = fileName(topics, new Date());
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000); // the browser reads it after the click
}
