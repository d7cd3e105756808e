// @ts-check
// Turns values into words for people: times, labels, networks, scores. Knows no DOM and no server.

import { has, number, relative, t, time } from "./words.js";

export { number };

const networks = { x: "X", bluesky: "Bluesky", mastodon: "Mastodon" };

export const exactTime = (ms) => time(ms, { dateStyle: "full", timeStyle: "long" });

export function network(source) {
  if (Object.hasOwn(networks, source)) return networks[source];
  return has(`network.${source}`) ? t(`network.${source}`) : source;
}

// Clocks differ: a post from the next minute is "just now", a later one shows its date.
export function relativeTime(ms, now) {
  const seconds = Math.floor((now - ms) / 1000);
  if (seconds >= -60 && seconds < 10) return t("time.now");
  if (seconds > 0 && seconds < 60) return relative(-Math.floor(seconds / 10) * 10, "second");
  if (seconds > 0 && seconds < 3600) return relative(-Math.floor(seconds / 60), "minute");
  if (seconds > 0 && seconds < 86400) return relative(-Math.floor(seconds / 3600), "hour");
  return time(ms, { dateStyle: "medium", timeStyle: "short" });
}

// The time of the day, to the second; the day too, if that is another one.
export function clock(ms, now) {
  const day = { day: "2-digit", month: "short" };
  const at = time(ms, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return time(ms, day) === time(now, day) ? at : `${time(ms, day)} ${at}`;
}

export const labelText = (label) => (has(`label.${label}`) ? t(`label.${label}`) : label.replaceAll("_", " "));

export const UNSURE = "unsure"; // in place of a label, where the model gives none

const whole = (share) => number(share, { style: "percent", maximumFractionDigits: 0 });

export const percent = (score) => (score < 1 && score > 0.99 ? t("score.over", { percent: whole(0.99) }) : whole(score));

const TONES = 6;
let ranked = new Map(); // label: its place among all labels that are known

const isOther = (label) => label === UNSURE || /^(non|not|no)[_ -]/i.test(label);

// Tells which labels there are, so that the first six have colours of their own.
export function knowLabels(labels) {
  const all = [...new Set(labels)].filter((label) => !isOther(label)).sort();
  ranked = new Map(all.map((label, at) => [label, at]));
}

// The tone of a label: "none" for labels as "non_traffic", else one of six. Tone is only decoration; the words are there
// too.
export function labelTone(label) {
  if (isOther(label)) return "none";
  let hash = 0;
  for (const character of label) hash = (hash * 31 + character.codePointAt(0)) % 65521;
  return String((ranked.get(label) ?? hash) % TONES);
}

// Seconds to wait by a Retry-After header (seconds or a date); 0 without one.
export function retryAfter(header, now) {
  if (!header) return 0;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000;
  return seconds > 0 ? Math.min(Math.ceil(seconds), 300) : 0;
}
