// @ts-check
// Tells screen readers how many posts came: at most one short sentence every ten seconds, never one for each post.

import { labelText } from "../words/format.js";
import { list, number, t } from "../words/words.js";

const EVERY = 10000;

export class Announcer {
  #count = 0;
  #labels = new Map();
  #timer = 0;
  #last = -EVERY;

  constructor(region) {
    this.region = region;
  }

  add(label) {
    this.#count += 1;
    if (label && (this.#labels.has(label) || this.#labels.size < 20)) this.#labels.set(label, (this.#labels.get(label) ?? 0) + 1);
    this.#timer ||= setTimeout(() => this.#say(), Math.max(1000, this.#last + EVERY - performance.now()));
  }

  // Drops counts that were not said yet.
  hush() {
    clearTimeout(this.#timer);
    [this.#timer, this.#count] = [0, 0];
    this.#labels.clear();
    this.region.textContent = "";
  }

  #say() {
    const most = [...this.#labels].sort((a, b) => b[1] - a[1]).slice(0, 3);
    const parts = most.map(([label, count]) => `${number(count)} ${labelText(label)}`);
    const text = t("feed.came", { n: this.#count });
    this.hush();
    this.region.textContent = parts.length ? `${text}: ${list(parts)}` : text;
    this.#last = performance.now();
  }
}
