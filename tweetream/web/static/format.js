// Turns values into words for people: numbers, times, labels, networks. Knows no DOM and no server.

const numbers = new Intl.NumberFormat("en");
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const networks = { x: "X", bluesky: "Bluesky", mastodon: "Mastodon", replay: "Replay" };

export const number = (n) => numbers.format(n);

export const exactTime = (ms) => exact.format(ms);

export const network = (source) => (Object.hasOwn(networks, source) ? networks[source] : source);

// Clocks differ: a post up to a minute ahead of ours is "just now", further ahead it shows its date.
export function relativeTime(ms, now) {
  const seconds = Math.floor((now - ms) / 1000);
  if (seconds < -60) return dayAndTime.format(ms);
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds / 10) * 10} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return dayAndTime.format(ms);
}

export const labelText = (label) => label.replaceAll("_", " ");

export const percent = (score) => (score < 1 && score > 0.99 ? "over 99%" : `${Math.round(score * 100)}%`);

// The tone of a label: "none" for what says that something is not so, else one of four that the
// same label always gets. Tone is only decoration; the words say it too.
export function labelTone(label) {
  if (/^(non|not|no)[_ -]/i.test(label)) return "none";
  let hash = 0;
  for (const character of label) hash = (hash * 31 + character.codePointAt(0)) % 65521;
  return String(hash % 4);
}

// Seconds to wait by a Retry-After header (seconds or a date); 0 where it says nothing.
export function retryAfter(header, now) {
  if (!header) return 0;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000;
  return seconds > 0 ? Math.min(Math.ceil(seconds), 300) : 0;
}
