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

  // page(name, {before, last}) is the Api's; passes(entry) chooses the posts.
  constructor(page = null, topics = [], passes = (_entry) => true, searching = false) {
    this.past = new Past(page, topics);
    this.passes = passes;
    this.size = searching ? WIDE_PAGE : PAGE;
  }

  // Whether older posts are read only when the person asks for them.
  get tired() {
    return !this.past.ended && !this.loading && (this.#vain >= VAIN || this.failed !== null);
  }

  async first() {
    return (await this.past.next(this.size)).filter(this.passes);
  }

  // The next older posts, or null; `again`: the person asks for more. add(entries) returns how many are new.
  async more(again, add, changed) {
    if (again) [this.#vain, this.failed] = [0, null];
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
