// @ts-check
// Reads the past of one or several feeds as one list, by pages, newest first: what the feeds keep, and then, if it is asked
// for, what the archive has. Knows no DOM.

import { entryOf } from "./entry.js";

const ROUNDS = 4; // pages of a feed in one call; where a filter matches little, the person asks for more
const OVERLAP = 60000; // ms that are read of both, since a feed is not quite in the order of time; doubles are left out later

/** @typedef {import("./entry.js").Entry} Entry */
/**
 * @typedef {object} Feed
 * @property {string | null | undefined} before The feed is read from here; null: to its end.
 * @property {string | null | undefined} older The same for the archive.
 * @property {number} until ms; the archive is read from here at first.
 * @property {Entry[]} entries Read, and not asked for yet.
 * @property {string | null} after The newest position.
 */

export class Past {
  #feeds = /** @type {Map<string, Feed>} */ (new Map());
  deep = false; // whether the archive is read too
  absent = false; // the server has said that it has none

  // page(name, {before, last}) and search(name, {before, until, last}) are the Api's; search gives null where there is no
  // archive.
  constructor(page, names, search = null) {
    this.page = page;
    this.search = search;
    for (const name of names) this.#set(name, undefined, Infinity);
  }

  // The same feeds from a time (ms) on, out of the archive.
  from(ms) {
    const past = new Past(this.page, [], this.search);
    past.deep = true;
    for (const name of this.#feeds.keys()) past.#set(name, null, ms);
    return past;
  }

  get ended() {
    return [...this.#feeds.values()].every((feed) => this.#done(feed) && !feed.entries.length);
  }

  // Whether the archive can have more than what was read.
  get offers() {
    return !this.deep && !this.absent && this.search !== null && this.#feeds.size > 0;
  }

  // The position of the newest post that was read; "" when no feed has a post yet.
  get newest() {
    return [...this.#feeds.values()].map((feed) => feed.after).filter(Boolean).join(",");
  }

  drop(name) {
    this.#feeds.delete(name);
  }

  // Reads this feed on from a position, or out of the archive from a time (ms): the page has dropped the posts before it.
  back(name, place) {
    const feed = this.#feeds.get(name);
    if (!feed) return;
    if (typeof place === "string") this.#set(name, place, Infinity, feed.after);
    else this.#set(name, null, place, feed.after);
  }

  // The next `count` entries, newest first, fewer when the filter passes few. Rejects with the Api's Problem.
  async next(count) {
    for (let round = 0; round < ROUNDS; round += 1) {
      const dry = [...this.#feeds].filter(([, feed]) => !feed.entries.length && !this.#done(feed));
      if (!dry.length) break;
      await Promise.all(dry.map(([name, feed]) => (feed.before === null ? this.#readArchive(name, feed, count) : this.#read(name, feed, count))));
    }
    const found = [];
    const feeds = [...this.#feeds.values()];
    const known = () => feeds.every((feed) => feed.entries.length || this.#done(feed));
    while (found.length < count && known()) {
      const next = feeds.reduce((best, feed) => (this.#time(feed) > this.#time(best) ? feed : best), feeds[0]);
      if (!next?.entries.length) break;
      found.push(next.entries.shift());
    }
    return found;
  }

  #set(name, before, until, after = null) {
    this.#feeds.set(name, { before, until, after, older: undefined, entries: [] });
  }

  #done(feed) {
    return feed.before === null && (feed.older === null || !this.deep || this.absent || this.search === null);
  }

  #time(feed) {
    return feed.entries.length ? feed.entries[0].time || 0 : -Infinity;
  }

  async #read(name, feed, last) {
    const page = await this.page(name, { before: feed.before, last });
    if (this.#feeds.get(name) !== feed) return; // `back` has moved it meanwhile
    if (feed.before === undefined) feed.after = page.after ?? null;
    feed.before = page.before ?? null;
    for (const post of [...page.posts].reverse()) {
      const entry = entryOf(JSON.stringify(post), post.position);
      if (!entry) continue;
      feed.entries.push(entry);
      feed.until = Math.min(feed.until, (entry.time || Infinity) + OVERLAP);
    }
  }

  async #readArchive(name, feed, last) {
    const page = await this.search(name, { before: feed.older, until: feed.until, last });
    if (this.#feeds.get(name) !== feed) return;
    if (page === null) this.absent = true;
    feed.older = page?.before ?? null;
    for (const post of page?.posts ?? []) {
      const entry = entryOf(JSON.stringify(post), "");
      if (entry) feed.entries.push({ ...entry, stored: true });
    }
  }
}
