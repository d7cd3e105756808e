// @ts-check
// The columns side by side. One is the current one: the topics, the filters and the charts are its own. All are filled by
// one stream.

import { positionsOf, positionText } from "../feed/positions.js";
import { isName, MOST_COLUMNS, serverQuery } from "../lib/address.js";
import { Column } from "./column.js";

/** @typedef {import("../lib/address.js").ColumnPlan} ColumnPlan */

// The earliest of several positions, for these topics. Of another generation the later one in the list counts.
export function earliest(texts, names) {
  const found = {};
  for (const [name, place] of texts.flatMap((text) => Object.entries(positionsOf(text)))) {
    const there = found[name];
    if (!there || there.generation !== place.generation || place.offset < there.offset) found[name] = place;
  }
  return names.filter((name) => found[name]).map((name) => positionText(name, found[name])).join(",");
}

export class Columns {
  all = /** @type {Column[]} */ ([]);
  current = /** @type {Column} */ (/** @type {unknown} */ (null));
  #folds = true;
  #wall = false;

  // `made` is what a column is made with; chose() is called when another one is current, planned(plans) when the person
  // moves or closes one.
  constructor(root, made, { chose, planned }) {
    this.root = root;
    this.made = { ...made, done: (act, column) => this.#done(act, column) };
    this.chose = chose;
    this.planned = planned;
    this.apply([{ topics: [], filter: { labels: [], minScore: 0, text: "" } }]);
  }

  get plans() {
    return this.all.map(({ plan }) => plan);
  }

  // The topics of all columns that can be followed, each once.
  get topics() {
    return [...new Set(this.all.flatMap(({ topics }) => topics))].filter(isName);
  }

  get full() {
    return this.all.length >= MOST_COLUMNS;
  }

  // The filter of the stream: what all columns ask for.
  get query() {
    const queries = this.all.map(({ filter }) => serverQuery(filter));
    return queries.every((query) => query === queries[0]) ? queries[0] : "";
  }

  // Whether something waits for a person.
  get waiting() {
    return this.all.reduce((sum, { posts }) => sum + (posts.held || posts.paused ? posts.waiting : 0), 0);
  }

  get paused() {
    return this.all.some(({ posts }) => posts.paused);
  }

  get held() {
    return this.all.some(({ posts }) => posts.held && (posts.waiting > 0 || posts.overflowing));
  }

  // When the next column lets go by itself; 0: none.
  get freeAt() {
    return Math.min(...this.all.map(({ posts }) => posts.freeAt || Infinity));
  }

  // Shows these columns. Those that were there before keep their posts.
  /** @param {ColumnPlan[]} plans */
  apply(plans) {
    const left = [...this.all];
    const take = (test) => left.splice(left.findIndex(test), left.some(test) ? 1 : 0)[0];
    const kept = plans.map((plan) => take((column) => column.is(plan)));
    const sameTopics = plans.map((plan, nth) => kept[nth] ?? take((column) => column.topics.join() === plan.topics.join()));
    this.all = plans.map((plan, nth) => {
      const column = sameTopics[nth] ?? take(() => true) ?? new Column(this.made);
      column.set(plan);
      return column;
    });
    for (const column of left) {
      column.posts.end();
      column.element.remove();
    }
    this.all.forEach((column, nth) => {
      const { element } = column;
      if (this.root.children[nth] !== element) this.root.insertBefore(element, this.root.children[nth] ?? null);
    });
    if (!this.all.includes(this.current)) this.current = this.all.at(-1);
    this.#arrange();
  }

  // On the wall nothing is ever held.
  set wall(on) {
    this.#wall = on;
    this.#arrange();
  }

  // Whether posts that say the same are one entry.
  set folds(on) {
    this.#folds = on;
    this.#arrange();
  }

  #arrange() {
    const boxed = this.all.length > 1 || this.#wall;
    this.root.dataset.count = String(this.all.length);
    document.body.classList.toggle("many", this.all.length > 1);
    for (const { posts, body } of this.all) {
      posts.window.box = boxed ? body : null;
      posts.still = this.#wall;
      posts.fold(this.#folds);
    }
  }

  // Reads the past of all columns that have not begun: a position to go on from, and the topics that are not there. `kept`
  // is where the stream was.
  async begin(names, page, kept) {
    const missing = new Set();
    const of = (query) => async (name, asked) => {
      try {
        return await page(name, asked, query);
      } catch (problem) {
        if (problem.status !== 404) throw problem;
        missing.add(name);
        return { posts: [], before: null, after: null };
      }
    };
    const [due, begun] = [this.all.filter((one) => !one.begun), this.all.filter((one) => one.begun)];
    const known = positionsOf(kept);
    const own = begun.map(({ position }) => Object.entries(positionsOf(position)).filter(([name]) => !known[name]))
      .flatMap((pairs) => pairs.map(([name, place]) => positionText(name, place)));
    const read = await Promise.all(due.map((column) => column.begin(of)));
    return { position: earliest([begun.length ? kept : "", ...own, ...read], names), missing: [...missing] };
  }

  // Reads everything anew, as when a topic was deleted and made again.
  forget() {
    for (const column of this.all) {
      column.begun = false;
      column.posts.clear();
    }
  }

  // A live post. Returns its entry if a column shows it.
  add(data, position) {
    const added = this.all.map(({ posts }) => posts.add(data, position));
    return added.find(Boolean) ?? null;
  }

  each(act) {
    for (const { posts } of this.all) act(posts);
  }

  addGap(gap) {
    for (const { topics, posts } of this.all) if (!gap.topic || topics.includes(gap.topic)) posts.addGap(gap);
  }

  // Writes the texts again, in the chosen language.
  say() {
    for (const column of this.all) {
      column.say();
      column.posts.rebuild();
    }
  }

  letGo() {
    for (const { posts } of this.all) if (posts.freeAt && performance.now() >= posts.freeAt) posts.toTop();
  }

  choose(column) {
    if (column === this.current || !column) return;
    this.current = column;
    this.chose();
  }

  #done(act, column) {
    const at = this.all.indexOf(column);
    if (act === "choose" || act === "focus") return this.choose(column);
    const plans = this.plans;
    const [plan] = plans.splice(at, 1);
    if (act === "left") plans.splice(Math.max(0, at - 1), 0, plan);
    if (act === "right") plans.splice(at + 1, 0, plan);
    this.planned(plans);
    const button = { left: column.moves[0], right: column.moves[1] }[act] ?? this.current.title;
    button.focus({ preventScroll: true });
  }
}
