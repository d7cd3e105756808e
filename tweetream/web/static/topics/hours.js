// @ts-check
// The last hour of the topics whose rows can be seen: asked for once a minute, one topic after the other.

import { sum } from "../lib/sum.js";
import { Poll } from "../server/poll.js";

const EVERY = 60000;
const AT_ONCE = 20; // topics of one round: a list can be long

// The posts of each minute, oldest first, of an answer of /topics/NAME/stats.
export const minutesOf = (rows) => rows.map(({ labels }) => sum(labels));

// The points of a line through `counts` in a box of that size; a flat one for nothing.
export function line(counts, width, height) {
  const most = Math.max(1, ...counts);
  const step = width / Math.max(1, counts.length - 1);
  return counts.map((count, at) => `${(at * step).toFixed(1)},${(height - (count / most) * height).toFixed(1)}`).join(" ");
}

export class Hours {
  #seen = new Set(); // names of the rows in sight
  #known = new Map(); // name: counts by minute
  #asked = new Map(); // name: when

  // stats(name) resolves to the answer's rows; changed(name) is called when there are new ones.
  constructor(stats, changed) {
    this.stats = stats;
    this.changed = changed;
    this.poll = new Poll(() => this.#round(), EVERY / 4);
    this.sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const name = /** @type {HTMLElement} */ (target).dataset.topic;
        if (isIntersecting) this.#seen.add(name);
        else this.#seen.delete(name);
      }
      if ([...this.#seen].some((name) => !this.#known.has(name))) this.poll.now();
    });
    this.poll.start();
  }

  watch(row) {
    this.sight.observe(row);
  }

  forget(row) {
    this.sight.unobserve(row);
    for (const map of [this.#seen, this.#known, this.#asked]) map.delete(row.dataset.topic);
  }

  // The counts of the last 60 minutes, or null while they are not known.
  of(name) {
    return this.#known.get(name) ?? null;
  }

  async #round() {
    const due = [...this.#seen].filter((name) => performance.now() - (this.#asked.get(name) ?? -EVERY) >= EVERY);
    for (const name of due.slice(0, AT_ONCE)) {
      this.#asked.set(name, performance.now());
      try {
        this.#known.set(name, minutesOf(await this.stats(name)));
      } catch (problem) {
        if (!("status" in problem)) throw problem;
        if (problem.status !== 404) return; // the page says elsewhere that the server is away
      }
      this.changed(name);
    }
  }
}
