// @ts-check
// The posts that the page has, newest first, and the queue of posts that wait to be shown. Knows no DOM.
//
// One topic has the order of its feed; several are ordered by time of arrival, and a post of two topics is one entry. No
// post newer than `floor` is missing: old entries are dropped for all topics at once, and can be read from the server
// again. A post that repeats another stands with it, not in the list (folding.js), and the first
// of them is the entry.

import { positionsOf, positionText } from "../feed/positions.js";

export const MOST = 300; // entries kept while the newest are read, and kept in the queue
const DEEPEST = 5000; // entries kept while older ones are read
const REMEMBERED = 5000; // ids of retracted posts

/** @typedef {import("./entry.js").Entry} Entry */

export class Timeline {
  entries = /** @type {Entry[]} */ ([]); // newest first
  waiting = 0; // posts that came since `hold`
  latest = 0; // ms; when the last post that was let in came, also one that is folded
  #queue = /** @type {Entry[]} */ ([]); // oldest first
  #ids = /** @type {Map<string, Entry>} */ (new Map()); // of entries and queue
  #gone = new Set();
  #dropped = new Map(); // topic: the newest position dropped, or the time where only stored posts were
  #floor = -Infinity;
  #cutAt = null; // the next floor, when entries were dropped from the queue or from the newest end
  #top = 0;
  #bottom = 0;

  // `several`: more than one topic, ordered by time. `folding` finds repeats; without it each post is an entry.
  constructor(several, folding = null) {
    this.several = several;
    this.folding = folding;
  }

  // All posts, those that repeat others too, newest first.
  get all() {
    return this.entries.flatMap((entry) => [entry, ...(entry.same ?? [])]).sort((a, b) => b.key - a.key);
  }

  // Folds repeats by this rule from now on, or shows all.
  fold(folding) {
    const all = this.all;
    this.folding = folding;
    this.entries = [];
    for (const entry of all) [entry.same, entry.host, entry.until, entry.changed] = [undefined, undefined, undefined, true];
    this.#insert(all);
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

  // Moves the queue into the list, or its first `most`. Returns the new entries, newest first.
  release(most = Infinity) {
    this.waiting = 0;
    if (this.overflowing) {
      this.#floor = this.#cutAt;
      this.#cutAt = null;
      this.#dropBelow(this.entries.findIndex((entry) => entry.key <= this.#floor));
    }
    const fresh = this.#queue.splice(0, most).reverse();
    if (this.several) fresh.sort((a, b) => b.key - a.key);
    return this.#insert(fresh);
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
    const lowest = Math.min(fresh.at(-1)?.key ?? Infinity, this.entries.at(-1)?.key ?? Infinity);
    this.#floor = end ? -Infinity : Number.isFinite(lowest) ? lowest : this.#floor;
    const tooMany = this.entries.length - DEEPEST;
    if (tooMany > 0) {
      const over = this.entries.splice(0, tooMany).reverse();
      this.#cutAt ??= over.at(-1).key;
      this.#drop(over);
    }
    return fresh.length;
  }

  // Drops all entries, so that the list goes on before another time: posts are missing between it and the queue.
  leave(ms) {
    this.#cutAt ??= this.entries[0]?.key ?? (this.several ? ms : 0);
    this.#drop(this.entries.splice(0).reverse());
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
    if (entry.host) {
      entry.host.same = entry.host.same.filter((one) => one !== entry);
      entry.host.changed = true;
      return null;
    }
    this.entries.splice(this.entries.indexOf(entry), 1);
    const next = this.#heir(entry);
    if (next) this.entries = this.entries.concat(next).sort((a, b) => b.key - a.key);
    return entry;
  }

  // [[topic, position or time], …]: from there dropped posts can be read again. Each drop is told once.
  takeDropped() {
    const found = [...this.#dropped].map(([topic, place]) => [topic, place.generation ? positionText(topic, { ...place, offset: place.offset + 1 }) : place.until]);
    this.#dropped.clear();
    return found;
  }

  // Hands the repeats of an entry that goes to the first of them.
  #heir(entry) {
    this.folding?.forget(entry);
    const [next, ...others] = (entry.same ?? []).sort((a, b) => a.key - b.key);
    if (!next) return null;
    [next.host, next.changed] = [undefined, true];
    [next.same, next.until] = [[], undefined];
    for (const one of others) this.#join(next, one);
    this.folding?.note(next);
    return next;
  }

  #join(host, entry) {
    host.same ??= [];
    host.same.push(entry);
    [entry.host, entry.node, host.changed] = [host, null, true];
    host.until = Math.max(host.until ?? (host.time || 0), entry.time || 0);
  }

  // An earlier post takes the repeats of an entry, which becomes one of them.
  #lead(entry, later) {
    this.folding.forget(later);
    this.folding.note(entry);
    this.entries = this.entries.filter((one) => one !== later);
    for (const one of [later, ...(later.same ?? [])]) this.#join(entry, one);
    [later.same, later.until] = [undefined, undefined];
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
  #drop(list) {
    const entries = list.flatMap((entry) => [entry, ...(entry.same ?? [])]);
    if (this.folding) for (const entry of list) this.folding.forget(entry);
    for (const entry of entries) if (this.#ids.get(entry.id) === entry) this.#ids.delete(entry.id);
    for (const entry of this.several ? entries : entries.filter((one) => !one.gap).slice(-1)) {
      entry.topics.forEach((topic, nth) => {
        const position = positionsOf(entry.positions[nth])[topic];
        const last = this.#dropped.get(topic);
        if (entry.stored && (!last || last.until < entry.time)) this.#dropped.set(topic, { until: (entry.time || 0) + 1 });
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
    const newer = gone.flatMap((entry) => (entry.same ?? []).filter(({ key }) => key > this.#floor));
    for (const entry of gone) entry.same = entry.same?.filter((one) => !newer.includes(one));
    this.#drop(gone);
    for (const entry of newer) entry.host = undefined;
    this.#insert(newer.sort((a, b) => b.key - a.key));
  }

  // Folds away what repeats another, oldest first, so that the first stays.
  #folded(fresh) {
    if (!this.folding) return fresh;
    const kept = new Set();
    for (const entry of [...fresh].reverse()) {
      const host = entry.gap ? null : this.folding.place(entry);
      if (host && host.key <= entry.key) {
        this.#join(host, entry);
        continue;
      }
      kept.add(entry);
      if (host) this.#lead(entry, host);
      kept.delete(host);
    }
    return [...kept].reverse();
  }

  // `unfolded`, newest first. Returns the new entries.
  #insert(unfolded) {
    for (const { time } of unfolded) this.latest = Math.max(this.latest, time || 0);
    const fresh = this.#folded(unfolded);
    if (!fresh.length) return fresh;
    const [first, last] = [this.entries[0], this.entries.at(-1)];
    if (!first || fresh.at(-1).key >= first.key) this.entries = fresh.concat(this.entries);
    else if (fresh[0].key <= last.key) this.entries = this.entries.concat(fresh);
    else this.entries = this.entries.concat(fresh).sort((a, b) => b.key - a.key);
    return fresh;
  }
}
