// @ts-check
// The posts that the page has, newest first, and those that wait to be let in. Knows no DOM.
//
// What comes in is kept as it is, unparsed: only its id, topic and time are looked up, and only what is seen is parsed.
// The order is the feed's, or by time of arrival where several are followed; a post of two topics is one entry. Above
// `floor` nothing is missing: what is let go at the lower end goes for all topics at once, and can be asked for again.

import { positionsOf, positionText } from "../feed/positions.js";

export const MOST = 300; // that are kept while the newest are looked at, and that can wait
const DEEPEST = 5000; // that are kept while older ones are read
const REMEMBERED = 5000; // ids of posts that were taken back

const HEAD = /^\{"id":"((?:[^"\\]|\\["\\/])*)","topic":"([a-z0-9_-]+)"/;

function parsed(data) {
  try {
    const post = JSON.parse(data);
    return post && typeof post === "object" ? post : null;
  } catch {
    return null;
  }
}

// The value of a field that comes last but for label and score. A quote inside another value has a backslash before it.
function late(data, field) {
  const key = `,"${field}":"`;
  const from = data.lastIndexOf(key) + key.length;
  return from < key.length ? "" : data.slice(from, data.indexOf('"', from));
}

// An entry of a post's JSON and its position, or null where it is none: others can write to a feed too.
export function entryOf(data, position) {
  const head = HEAD.exec(data);
  const entry = { data, position, height: 0, node: null };
  if (head && !head[1].includes("\\")) {
    const [id, topic] = [head[1], head[2]];
    return { ...entry, id, topics: [topic], positions: [position], label: late(data, "label"), time: Date.parse(late(data, "received_at")) };
  }
  const post = parsed(data);
  if (typeof post?.id !== "string" || typeof post.topic !== "string") return null;
  return { ...entry, post, id: post.id, topics: [post.topic], positions: [position], label: String(post.label ?? ""), time: Date.parse(post.received_at) };
}

export function postOf(entry) {
  entry.post ??= parsed(entry.data) ?? {};
  entry.data = "";
  return entry.post;
}

export class Timeline {
  entries = []; // newest first; {id, topics, positions, data} or {gap}
  waiting = 0; // posts that came since `hold`
  #queue = []; // oldest first
  #ids = new Map(); // of entries and queue
  #gone = new Set();
  #let = new Map(); // topic: the newest place let go
  #floor = -Infinity;
  #cutAt = null; // the floor to be, when the queue or the newest end has let go of something
  #top = 0;
  #bottom = 0;

  // One topic has the order of its feed, which is that of coming; several are ordered by time.
  constructor(several) {
    this.several = several;
  }

  get empty() {
    return !this.entries.length && !this.#queue.length;
  }

  get queued() {
    return this.#queue.length;
  }

  // Whether posts are missing between the list and what waits: then the list begins anew with the newest.
  get overflowing() {
    return this.#cutAt !== null;
  }

  // Whether the entry is a new one; false for a second topic of one that is there.
  add(entry, held) {
    if (this.#gone.has(entry.id)) return false;
    if (this.#merged(entry)) return false;
    entry.key = this.several ? entry.time || 0 : this.#above();
    if (entry.key <= (this.#cutAt ?? this.#floor)) {
      this.#letGo([entry]);
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

  // Lets in what waits. Returns what was changed: entries that are new, newest first.
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

  // Adds posts from before; `end`: nothing lies before them.
  addOlder(entries, end) {
    const fresh = entries.filter((entry) => {
      if (this.#gone.has(entry.id) || this.#merged(entry)) return false;
      this.#ids.set(entry.id, entry); // at once: a page of several feeds can hold a post of two of them
      return true;
    });
    for (const entry of fresh) entry.key = this.several ? entry.time || 0 : this.#below();
    this.#insert(fresh);
    this.#floor = end ? -Infinity : (this.entries.at(-1)?.key ?? this.#floor);
    const tooMany = this.entries.length - DEEPEST;
    if (tooMany > 0) {
      const over = this.entries.splice(0, tooMany).reverse();
      this.#cutAt ??= over.at(-1).key;
      this.#letGo(over);
    }
    return fresh.length;
  }

  // While the newest are looked at, older ones go.
  trim() {
    if (this.entries.length > MOST) this.#dropBelow(MOST);
  }

  // Takes a post away wherever it is, also if it comes later. Returns the entry that was in the list.
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

  // What was let go since this was asked last: topics, and the positions right behind, to be asked for again.
  takeLetGo() {
    const found = [...this.#let].map(([topic, { generation, offset }]) => [topic, positionText(topic, { generation, offset: offset + 1 })]);
    this.#let.clear();
    return found;
  }

  // A key of the feed's own order, above all that is there or below it.
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
    this.#letGo(this.#queue.splice(0, over));
  }

  // `entries`, oldest first. A feed's own order is that of its positions, so its last one says enough.
  #letGo(entries) {
    for (const entry of entries) if (this.#ids.get(entry.id) === entry) this.#ids.delete(entry.id);
    for (const entry of this.several ? entries : entries.filter((one) => !one.gap).slice(-1)) {
      entry.topics.forEach((topic, nth) => {
        const position = positionsOf(entry.positions[nth])[topic];
        const last = this.#let.get(topic);
        const newer = !last || last.generation !== position?.generation || last.offset < position.offset;
        if (position && newer) this.#let.set(topic, position);
      });
    }
  }

  #dropBelow(index) {
    if (index < 0) return;
    const gone = this.entries.splice(index).reverse();
    if (!gone.length) return;
    this.#floor = Math.max(this.#floor, gone.at(-1).key);
    this.#letGo(gone);
  }

  #insert(fresh) {
    if (!fresh.length) return;
    const [first, last] = [this.entries[0], this.entries.at(-1)];
    if (!first || fresh.at(-1).key >= first.key) this.entries = fresh.concat(this.entries);
    else if (fresh[0].key <= last.key) this.entries = this.entries.concat(fresh);
    else this.entries = this.entries.concat(fresh).sort((a, b) => b.key - a.key);
  }
}
