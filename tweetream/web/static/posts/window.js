// @ts-check
// The part of a long list that is in the document: the entries on the screen and some more. An empty element above keeps
// the height of the removed ones, and a change never moves the entries on the screen. Knows nothing of posts.
//
// This module sets `node` and `height` of an entry; build(entry) makes the element.

const FIRST = 80; // entries in the document at the top of the list
const FIRST_BOXED = 40; // the same of a column; there can be many of them
const STEP = 40;
const MOST = 240;
const GUESS = 48; // the height of an entry that was never in the document
const MARGIN = 1.5; // screens above and below that are kept ready

export class Window {
  #from = 0;
  #to = FIRST;
  #entries = [];
  box = /** @type {HTMLElement | null} */ (null); // what scrolls; null: the page

  constructor(list, above, head, build) {
    this.list = list;
    this.above = above;
    this.head = head;
    this.build = build;
  }

  // Where reading begins: below what stays at the top of the screen.
  get edge() {
    return this.box ? this.box.getBoundingClientRect().top : Math.max(0, this.head.getBoundingClientRect().bottom);
  }

  #scroll(by) {
    (this.box ?? document.scrollingElement).scrollTop += by;
  }

  // Shows the entry at `index` at the top, and returns its element.
  reveal(index) {
    if (index < this.#from || index >= this.#to) {
      [this.#from, this.#to] = [Math.max(0, index - STEP), Math.min(index + STEP, this.#entries.length)];
      this.#render();
    }
    const { node } = this.#entries[index];
    this.#scroll(node.getBoundingClientRect().top - this.edge - 4);
    return node;
  }

  get atTop() {
    return this.#from === 0 && this.list.getBoundingClientRect().top >= this.edge - 4;
  }

  // Whether the list goes down to its last entry.
  get complete() {
    return this.#to >= this.#entries.length;
  }

  show(entries, top) {
    const first = this.box ? FIRST_BOXED : FIRST;
    this.#entries = entries;
    if (top) [this.#from, this.#to] = [0, first];
    this.#from = Math.max(0, Math.min(this.#from, entries.length - STEP));
    this.#to = Math.min(Math.max(this.#to, this.#from + first), this.#from + MOST);
    this.#render();
  }

  // So many entries were inserted above; the same ones stay in the document.
  inserted(count) {
    this.#from += count;
    this.#to += count;
  }

  // An entry was removed from `entries`.
  removed(index) {
    if (index < this.#from) this.#from -= 1;
    if (index < this.#to) this.#to -= 1;
  }

  top() {
    const over = this.list.getBoundingClientRect().top - this.edge;
    if (over < 0) this.#scroll(Math.floor(over));
  }

  clear() {
    for (const entry of this.#entries) entry.node = null;
    this.list.replaceChildren();
    this.show([], true);
  }

  // Builds all elements again, in their places.
  rebuild() {
    this.keep(() => {
      for (const entry of this.#entries) entry.node = null;
      this.#render();
    });
  }

  // Adds the entries near the screen. Returns whether the end of the list is near.
  follow() {
    const margin = innerHeight * MARGIN;
    const { top, bottom } = this.list.getBoundingClientRect();
    if (this.#from && (top > innerHeight || bottom < 0)) this.#jump();
    else if (this.#from && top > -margin) this.#move(-1);
    else if (this.#to < this.#entries.length && bottom < innerHeight + margin) this.#move(1);
    return this.complete && this.list.getBoundingClientRect().bottom < innerHeight + margin;
  }

  // Runs `change`; the entry in the middle of the screen does not move. If an entry on the screen goes, those below or
  // above it close the gap: what one reads is in the middle, so the far side moves.
  keep(change) {
    const edge = this.edge;
    const middle = (edge + (this.box?.getBoundingClientRect().bottom ?? innerHeight)) / 2;
    const places = [...this.list.children].map((item) => [item, item.dataset.id, item.getBoundingClientRect()]);
    const seen = places.filter(([, , { bottom }]) => bottom > edge);
    const at = seen.findIndex(([, , { bottom }]) => bottom > middle);
    const ids = at < 0 ? seen.reverse() : [...seen.slice(at, at + 8), ...seen.slice(0, at).reverse()];
    change();
    for (const [item, id, { top: was }] of ids) {
      const now = item.isConnected ? item : this.#entries.find((entry) => entry.node && entry.id && entry.id === id)?.node;
      if (!now) continue;
      const moved = now.getBoundingClientRect().top - was;
      if (Math.abs(moved) >= 0.5) this.#scroll(moved);
      return;
    }
  }

  #move(step) {
    this.keep(() => {
      if (step > 0) {
        this.#to = Math.min(this.#to + STEP, this.#entries.length);
        this.#from = Math.max(this.#from, this.#to - MOST);
      } else {
        this.#from = Math.max(0, this.#from - STEP);
        this.#to = Math.min(this.#to, this.#from + MOST);
      }
      this.#render();
    });
  }

  // After a long scroll, no entry in the document is on the screen.
  #jump() {
    let [index, y] = [0, this.above.getBoundingClientRect().top];
    while (index < this.#from && y < -innerHeight * MARGIN) y += this.#entries[index++].height || GUESS;
    [this.#from, this.#to] = [index, Math.min(index + FIRST, this.#entries.length)];
    this.#render();
  }

  #render() {
    const shown = this.#entries.slice(this.#from, this.#to);
    const nodes = new Set(shown.map((entry) => entry.node));
    this.#measure();
    for (const item of [...this.list.children]) if (!nodes.has(item)) item.remove();
    let next = this.list.firstElementChild;
    for (const entry of shown) {
      entry.node ??= this.build(entry);
      if (entry.node === next) next = next.nextElementSibling;
      else this.list.insertBefore(entry.node, next);
    }
    const outside = (entry) => (entry.node = null);
    this.#entries.slice(0, this.#from).forEach(outside);
    this.#entries.slice(this.#to).forEach(outside);
    const height = this.#entries.slice(0, this.#from).reduce((sum, entry) => sum + (entry.height || GUESS), 0);
    this.above.style.height = `${height}px`;
  }

  // Measures the entries that will leave at the upper end, with the space below them.
  #measure() {
    const leaving = this.#entries.slice(0, this.#from).filter((entry) => entry.node?.isConnected);
    for (const entry of leaving) {
      const next = entry.node.nextElementSibling ?? entry.node;
      const height = next.getBoundingClientRect().top - entry.node.getBoundingClientRect().top;
      entry.height = height || entry.node.offsetHeight;
    }
  }
}
