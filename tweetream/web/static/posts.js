// The list of posts: newest on top, 300 at most, drawn a few times a second however many came in.
//
// What comes in is kept as it is, unparsed, and only what will be seen is parsed and built. The queue is
// bounded too: of more than 300 the oldest go, which would have left the list at once.

import { gapElement, postElement, refreshTimes } from "./post.js";

const MOST = 300;
const MANY = 30; // after so many at once the next draw may wait longer
const DELAY = 100;
const BUSY_DELAY = 200;
const QUIET = 600; // only what comes after such a pause is highlighted: many highlights cost more than the posts

export class PostList {
  #queue = []; // {data, post?} or {gap}, oldest first
  #scheduled = false;
  #drawn = 0; // when
  #busy = false;

  // changed() is called after each draw, also of nothing while posts wait.
  constructor(list, changed) {
    this.list = list;
    this.changed = changed;
    this.paused = false;
    this.waiting = 0;
  }

  get empty() {
    return !this.list.firstElementChild && !this.#queue.length;
  }

  // Whether more wait than will be shown.
  get overflowing() {
    return this.waiting > MOST;
  }

  add(data) {
    if (this.paused) this.waiting += 1;
    this.#push({ data });
  }

  addGap(gap) {
    this.#push({ gap });
  }

  retract(id) {
    this.#queue = this.#queue.filter((entry) => {
      const out = this.#parse(entry)?.id === id;
      if (out && this.waiting) this.waiting -= 1;
      return !out;
    });
    for (const item of [...this.list.children]) if (item.dataset.id === id) item.remove();
    this.#schedule();
  }

  clear() {
    this.#queue = [];
    this.list.replaceChildren();
    this.resume();
  }

  pause() {
    this.paused = true;
    this.waiting = this.#queue.filter((entry) => !entry.gap).length;
    this.#schedule();
  }

  resume() {
    this.paused = false;
    this.waiting = 0;
    this.#schedule();
  }

  refreshTimes() {
    refreshTimes(this.list, Date.now());
  }

  #push(entry) {
    this.#queue.push(entry);
    if (this.#queue.length > 2 * MOST) this.#queue.splice(0, this.#queue.length - MOST);
    this.#schedule();
  }

  #parse(entry) {
    if (entry.gap || entry.post !== undefined) return entry.post;
    try {
      const post = JSON.parse(entry.data);
      entry.post = typeof post === "object" ? post : null;
    } catch {
      entry.post = null;
    }
    return entry.post;
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const draw = () => requestAnimationFrame(() => this.#draw());
    const wait = this.#drawn + (this.#busy ? BUSY_DELAY : DELAY) - performance.now();
    if (wait > 0) setTimeout(draw, wait);
    else draw();
  }

  #draw() {
    this.#scheduled = false;
    const quiet = performance.now() - this.#drawn > QUIET;
    if (!this.paused) this.#empty(quiet);
    this.#drawn = performance.now(); // after the work, so that there is time for all else
    this.changed();
  }

  #empty(quiet) {
    const entries = this.#queue.slice(-MOST);
    this.#queue = [];
    this.#busy = entries.length >= MANY;
    const items = document.createDocumentFragment();
    for (const entry of entries.reverse()) {
      const post = this.#parse(entry);
      if (!entry.gap && !post) continue; // no post: others can write to a feed too
      const item = entry.gap ? gapElement(entry.gap) : postElement(post);
      if (quiet && !this.#busy && this.list.firstElementChild) item.classList.add("fresh");
      items.append(item);
    }
    this.list.prepend(items);
    while (this.list.childElementCount > MOST) this.list.lastElementChild.remove();
  }
}
