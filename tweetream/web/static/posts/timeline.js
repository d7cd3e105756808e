// @ts-check
// The posts that the page has, newest first, and the queue of posts that wait to be shown. Knows no DOM.
//
// Posts are kept as text: only id, topic and time are looked up, and only posts on the screen are parsed. One topic has the
// order of its feed; several are ordered by time of arrival, and a post of two topics is one entry. No post newer than
// `floor` is missing: old entries are dropped for all topics at once, and can be read from the server again.

import { UNSURE } from "../words/format.js";
import { positionsOf, positionText } from "../feed/positions.js";
import { UNSURE } from "../words/format.js";

export const MOST = 300; // entries kept while the newest are read, and kept in the queue
const DEEPEST = 5000; // entries kept while older ones are read
const REMEMBERED = 5000; // ids of retracted posts

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
 * @property {boolean} [changed] Whether a topic was added.
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

export class Timeline {
  entries = /** @type {Entry[]} */ ([]); // newest first
  waiting = 0; // posts that came since `hold`
  #queue = /** @type {Entry[]} */ ([]); // oldest first
  #ids = /** @type {Map<string, Entry>} */ (new Map()); // of entries and queue
  #gone = new Set();
  #dropped = new Map(); // topic: the newest position dropped
  #floor = -Infinity;
  #cutAt = null; // the next floor, when entries were dropped from the queue or from the newest end
  #top = 0;
  #bottom = 0;

  // `several`: more than one topic, ordered by time.
  constructor(several) {
    this.several = several;
  }

  get empty() {
    return !this.entries.length && !this.#queue.length;
  }

  get queued() {
    return this.#queue.length;
  }

  // Whether posts are missing between the list and the queue. Then the list starts again with the newest.
  get overflowing() {
    return this.#cutAt !== null;
  }

  // Returns false for a post that is there, for example of another topic.
  add(entry, held) {
    if (this.#gone.has(entry.id)) return false;
    if (this.#merged(entry)) return false;
    entry.key = this.several ? entry.time || 0 : this.#above();
    if (entry.key <= (this.#cutAt ?? this.#floor)) {
      this.#drop([entry]);
      return false;
    }
    if (held) this.waiting += 1;
    this.#ids.set(entry.id, entry);
    this.#push(entry);
    return true;
  }

  addGap(gap) {
    const newest = Math.max(this.entries[0]?.key ?? 0, ...this.#queue.map((entry) => entry.key));
    this.#push({ gap, key: this.several ? newest : this.#above(), topics: [], positions: [], height: 0, node: null });
  }

  hold() {
    this.waiting ||= this.#queue.filter((entry) => !entry.gap).length;
  }

  // Moves the queue into the list. Returns the new entries, newest first.
  release() {
    this.waiting = 0;
    if (this.overflowing) {
      this.#floor = this.#cutAt;
      this.#cutAt = null;
      this.#dropBelow(this.entries.findIndex((entry) => entry.key <= this.#floor));
    }
    const fresh = this.#queue.reverse();
    this.#queue = [];
    if (this.several) fresh.sort((a, b) => b.key - a.key);
    this.#insert(fresh);
    return fresh;
  }

  // Adds older posts; `end`: there are none before them.
  addOlder(entries, end) {
    const fresh = entries.filter((entry) => {
      if (this.#gone.has(entry.id) || this.#merged(entry)) return false;
      this.#ids.set(entry.id, entry); // at once, since a page of several feeds can hold the same post twice
      return true;
    });
    for (const entry of fresh) entry.key = this.several ? entry.time || 0 : this.#below();
    this.#insert(fresh);
    this.#floor = end ? -Infinity : (this.entries.at(-1)?.key ?? this.#floor);
    const tooMany = this.entries.length - DEEPEST;
    if (tooMany > 0) {
      const over = this.entries.splice(0, tooMany).reverse();
      this.#cutAt ??= over.at(-1).key;
      this.#drop(over);
    }
    return fresh.length;
  }

  // Drops old entries while the newest are read.
  trim() {
    if (this.entries.length > MOST) this.#dropBelow(MOST);
  }

  // Removes a post from list and queue, and keeps it out later. Returns the entry if it was in the list.
  retract(id) {
    this.#gone.add(id);
    if (this.#gone.size > REMEMBERED) this.#gone.delete(this.#gone.values().next().value);
    const entry = this.#ids.get(id);
    if (!entry) return null;
    this.#ids.delete(id);
    const waits = this.#queue.indexOf(entry);
    if (waits >= 0) {
      this.#queue.splice(waits, 1);
      this.waiting = Math.max(0, this.waiting - 1);
      return null;
    }
    this.entries.splice(this.entries.indexOf(entry), 1);
    return entry;
  }

  // [[topic, position], …]: from there dropped posts can be read again. Each drop is told once.
  takeDropped() {
    const found = [...this.#dropped].map(([topic, { generation, offset }]) => [topic, positionText(topic, { generation, offset: offset + 1 })]);
    this.#dropped.clear();
    return found;
  }

  // Keys of the feed's own order: above or below all others.
  #above() {
    this.#top += 1;
    return this.#top;
  }

  #below() {
    this.#bottom -= 1;
    return this.#bottom;
  }

  #merged(entry) {
    const there = this.#ids.get(entry.id);
    if (!there) return false;
    if (there.topics.includes(entry.topics[0])) return true;
    there.topics.push(entry.topics[0]);
    there.positions.push(entry.positions[0]);
    there.changed = true;
    return true;
  }

  #push(entry) {
    this.#queue.push(entry);
    if (this.#queue.length <= 2 * MOST) return;
    if (this.several) this.#queue.sort((a, b) => a.key - b.key);
    let over = this.#queue.length - MOST;
    this.#cutAt = this.#queue[over - 1].key;
    while (this.#queue[over]?.key <= this.#cutAt) over += 1;
    this.#drop(this.#queue.splice(0, over));
  }

  // `entries`, oldest first. The positions of one feed are in order, so its last entry is enough.
  #drop(entries) {
    for (const entry of entries) if (this.#ids.get(entry.id) === entry) this.#ids.delete(entry.id);
    for (const entry of this.several ? entries : entries.filter((one) => !one.gap).slice(-1)) {
      entry.topics.forEach((topic, nth) => {
        const position = positionsOf(entry.positions[nth])[topic];
        const last = this.#dropped.get(topic);
        const newer = !last || last.generation !== position?.generation || last.offset < position.offset;
        if (position && newer) this.#dropped.set(topic, position);
      });
    }
  }

  #dropBelow(index) {
    if (index < 0) return;
    const gone = this.entries.splice(index).reverse();
    if (!gone.length) return;
    this.#floor = Math.max(this.#floor, gone.at(-1).key);
    this.#drop(gone);
  }

  #insert(fresh) {
    if (!fresh.length) return;
    const [first, last] = [this.entries[0], this.entries.at(-1)];
    if (!first || fresh.at(-1).key >= first.key) this.entries = fresh.concat(this.entries);
    else if (fresh[0].key <= last.key) this.entries = this.entries.concat(fresh);
    else this.entries = this.entries.concat(fresh).sort((a, b) => b.key - a.key);
  }
}
