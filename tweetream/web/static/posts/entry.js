// @ts-check
// One post as the list keeps it. It is kept as text: id, topic, label and time are looked up, and it is parsed when it is
// needed. Knows no DOM.

import { UNSURE } from "../words/format.js";

/**
 * @typedef {object} Entry A post as it came, or a gap.
 * @property {string} [id]
 * @property {string} [data] The post's JSON, until it is parsed.
 * @property {Record<string, unknown>} [post]
 * @property {string[]} topics
 * @property {string[]} positions One for each topic.
 * @property {string} [label]
 * @property {number} [time] ms
 * @property {number} [key] The order: newer is greater.
 * @property {object} [gap]
 * @property {boolean} [stored] Whether it came from the archive.
 * @property {boolean} [changed] Whether a topic or a repeat was added or taken away.
 * @property {Entry[]} [same] The posts that repeat it.
 * @property {Entry} [host] The post that it repeats.
 * @property {number} [until] ms; when the last of its repeats came.
 * @property {boolean} [open] Whether all of a long text is shown.
 * @property {number} height
 * @property {HTMLElement | null} node
 */

const HEAD = /^\{"id":"((?:[^"\\]|\\["\\/])*)","topic":"([a-z0-9_-]+)"/;

function parsed(data) {
  try {
    const post = JSON.parse(data);
    return post && typeof post === "object" ? post : null;
  } catch {
    return null;
  }
}

// The value of one of the last fields, found from the end: a quote inside a text has a backslash before it.
function late(data, field) {
  const key = `,"${field}":"`;
  const from = data.lastIndexOf(key) + key.length;
  return from < key.length ? "" : data.slice(from, data.indexOf('"', from));
}

/**
 * An entry from a post's JSON and its position; null when it is no post, since others can write to a feed too.
 * @param {string} data
 * @param {string} position
 * @returns {Entry | null}
 */
export function entryOf(data, position) {
  const head = HEAD.exec(data);
  const entry = { data, position, height: 0, node: null };
  if (head && !head[1].includes("\\")) {
    const [id, topic] = [head[1], head[2]];
    return { ...entry, id, topics: [topic], positions: [position], label: late(data, "label") || UNSURE, time: Date.parse(late(data, "received_at")) };
  }
  const post = parsed(data);
  if (typeof post?.id !== "string" || typeof post.topic !== "string") return null;
  return { ...entry, post, id: post.id, topics: [post.topic], positions: [position], label: String(post.label ?? UNSURE), time: Date.parse(post.received_at) };
}

/** @param {Entry} entry */
export function postOf(entry) {
  entry.post ??= parsed(entry.data) ?? {};
  entry.data = "";
  return entry.post;
}

// The last of an entry and its repeats: its time is shown beside their number.
export const lastOf = (entry) => (entry.same ?? []).reduce((last, one) => (one.key > last.key ? one : last), entry);
