// @ts-check
// Reads the past of one or several feeds as one list, by pages, newest first. Knows no DOM.

import { entryOf } from "./entry.js";

const ROUNDS = 4; // pages of a feed in one call; where a filter matches little, the person asks for more

export class Past {
  #feeds = new Map(); // name: {before, entries, ...}; before is null when there are no older posts

  // page(name, {before, last}) is the Api's.
  constructor(page, names) {
    this.page = page;
    for (const name of names) this.#feeds.set(name, { before: undefined, entries: [], after: null });
  }

  get ended() {
    return [...this.#feeds.values()].every((feed) => feed.before === null && !feed.entries.length);
  }

  // The position of the newest post that was read; "" when no feed has a post yet.
  get newest() {
    return [...this.#feeds.values()].map((feed) => feed.after).filter(Boolean).join(",");
  }

  drop(name) {
    this.#feeds.delete(name);
  }

  // Reads this feed on from `before`: the page has dropped the posts before it.
  back(name, before) {
    const feed = this.#feeds.get(name);
    if (feed) this.#feeds.set(name, { before, entries: [], after: feed.after });
  }

  // The next `count` entries, newest first, fewer when the filter passes few. Rejects with the Api's Problem.
  async next(count) {
    for (let round = 0; round < ROUNDS; round += 1) {
      const dry = [...this.#feeds].filter(([, feed]) => !feed.entries.length && feed.before !== null);
      if (!dry.length) break;
      await Promise.all(dry.map(([name, feed]) => this.#read(name, feed, count)));
    }
    const found = [];
    const feeds = [...this.#feeds.values()];
    const known = () => feeds.every((feed) => feed.entries.length || feed.before === null);
    while (found.length < count && known()) {
      const next = feeds.reduce((best, feed) => (this.#time(feed) > this.#time(best) ? feed : best), feeds[0]);
      if (!next?.entries.length) break;
      found.push(next.entries.shift());
    }
    return found;
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
      if (entry) feed.entries.push(entry);
    }
  }
}
