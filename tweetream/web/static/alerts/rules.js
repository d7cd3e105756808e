// @ts-check
// The rules for alerts on this device, each of one topic and label: every post, or many more than usual. The server's rules
// are the same (models/alert.py). Knows no DOM.

import { keep, kept, ownKey } from "../lib/storage.js";
import { minutesOf } from "../topics/hours.js";

/**
 * @typedef {{topic: string, feed?: string, label: string | null, when: "every" | "surge", least: number, quiet: string | null}} Rule
 *   `feed` is the topic's Kafka topic, which has another name when a topic is deleted and added again.
 */

const KEY = ownKey("rules");
export const [FACTOR, MINUTES, LEAST, MOST_LEAST] = [3, 10, 10, 100000];
const MOST_RULES = 50;
const HOURS = /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/;

const isRule = (rule) =>
  typeof rule?.topic === "string" &&
  ["string", "undefined"].includes(typeof rule.feed) &&
  (rule.label === null || typeof rule.label === "string") &&
  ["every", "surge"].includes(rule.when) &&
  Number.isInteger(rule.least) &&
  (rule.quiet === null || HOURS.test(rule.quiet));

// Whether the hours, as "22:00-06:00", have the minute of the day now.
export function isQuiet(quiet, now = new Date()) {
  if (!quiet) return false;
  const [start, end] = quiet.split("-");
  const clock = `${String(now.getHours()).padStart(2, "0")}:${String(now.getMinutes()).padStart(2, "0")}`;
  return start < end ? start <= clock && clock < end : clock >= start || clock < end;
}

// The rows of a topic's last hour with the posts of one label alone.
export const ofLabel = (rows, label) => (label === null ? rows : rows.map(({ labels }) => ({ labels: { [label]: labels?.[label] ?? 0 } })));

// {posts, usual} of the last ten minutes if that is a surge, else null. A topic that is younger than 20 minutes has none.
export function surge(rows, { label, least }, age = Number.POSITIVE_INFINITY) {
  const counts = minutesOf(ofLabel(rows, label));
  const recent = counts.slice(-MINUTES);
  const before = counts.slice(0, -MINUTES).slice(-Math.max(0, Math.floor(age) - MINUTES));
  if (age < 2 * MINUTES || before.length < MINUTES) return null;
  const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
  const [posts, usual] = [sum(recent), (sum(before) / before.length) * MINUTES];
  return posts >= Math.max(least, FACTOR * usual) ? { posts, usual: Math.round(usual * 10) / 10 } : null;
}

/** @returns {Rule[]} */
function stored() {
  try {
    const found = JSON.parse(kept(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter(isRule) : [];
  } catch {
    return []; // something else was kept there
  }
}

export class Rules {
  constructor() {
    this.all = stored();
  }

  // Whether there is room for one more rule.
  add(rule) {
    if (this.all.length >= MOST_RULES) return false;
    this.#set([...this.all.filter((other) => other.topic !== rule.topic || other.label !== rule.label || other.when !== rule.when), rule]);
    return true;
  }

  remove(rule) {
    this.#set(this.all.filter((other) => other !== rule));
  }

  // Takes the topics that there are, and forgets the rules of all others. Whether there were such.
  know(topics) {
    const there = (/** @type {Rule} */ { topic, feed }) => topics.some(({ name, kafka_topic }) => name === topic && (!feed || feed === kafka_topic));
    if (this.all.every(there)) return false;
    const same = (rule) => this.all.find((known) => JSON.stringify(known) === JSON.stringify(rule)) ?? rule;
    const now = kept(KEY) === null ? this.all : stored().map(same); // another tab may have changed them
    this.#set(now.filter(there));
    return true;
  }

  // Whether a rule asks for each post like this one.
  wants(post, now = new Date()) {
    const fits = ({ topic, label, when, quiet }) =>
      when === "every" && topic === post.topic && (label === null || label === (post.label ?? "unsure")) && !isQuiet(quiet, now);
    return this.all.some(fits);
  }

  #set(rules) {
    this.all = rules;
    keep(KEY, JSON.stringify(rules));
  }
}
