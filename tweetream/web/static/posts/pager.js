// @ts-check
// Reads older posts page by page, and knows when to wait for the person to ask. Knows no DOM.

import { Past } from "./past.js";

const PAGE = 50;
const WIDE_PAGE = 200; // while a text is searched for
const VAIN = 5; // pages in a row without a post to show; then the person must ask for more

export class Pager {
  loading = false;
  failed = null; // the Problem of the last page
  #vain = 0;

  // page(name, {before, last}) and search(…) are the Api's; passes(entry) chooses the posts. With a filter (`deep`) the
  // archive is read at once, without one when the person asks.
  constructor({ page = null, search = null, passes = (_entry) => true, searching = false, deep = false } = {}, topics = []) {
    this.past = new Past(page, topics, search);
    this.past.deep = deep;
    this.passes = passes;
    this.size = searching ? WIDE_PAGE : PAGE;
  }

  // One that reads from a time (ms) on, out of the archive.
  from(ms) {
    const pager = new Pager();
    Object.assign(pager, { past: this.past.from(ms), passes: this.passes, size: this.size });
    return pager;
  }

  // Whether older posts are read only when the person asks for them.
  get tired() {
    if (this.loading) return false;
    return this.past.ended ? this.past.offers : this.#vain >= VAIN || this.failed !== null;
  }

  async first() {
    return (await this.past.next(this.size)).filter(this.passes);
  }

  // The next older posts, or null; `again`: the person asks for more. add(entries) returns how many are new.
  async more(again, add, changed) {
    if (again) [this.#vain, this.failed, this.past.deep] = [0, null, this.past.deep || this.past.ended];
    if (this.loading || this.past.ended || this.tired) return;
    this.loading = true;
    changed();
    try {
      const found = await this.past.next(this.size);
      this.#vain = add(found.filter(this.passes)) ? 0 : this.#vain + 1;
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      this.failed = problem;
    } finally {
      this.loading = false;
      changed();
    }
  }
}
