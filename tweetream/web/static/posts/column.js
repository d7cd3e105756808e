// @ts-check
// One column: its topics, its filter, its list of posts, and a head where there are several.

import { isActive, noFilter, serverQuery } from "../lib/address.js";
import { button, element, setText } from "../lib/elements.js";
import { clock, labelText, percent } from "../words/format.js";
import { t } from "../words/words.js";
import { PostList } from "./list.js";
import { Marker } from "./match.js";
import { archiveQuery, foundRanges, passing } from "./query.js";

/** @typedef {import("../lib/address.js").ColumnPlan} ColumnPlan */

const sameFilter = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// What a filter lets through, in few words.
export const filterText = ({ labels, minScore, text }) =>
  [labels.map(labelText).join(", "), minScore ? t("filter.sure", { score: percent(minScore) }) : "", text].filter(Boolean).join(" · ");

export class Column {
  topics = /** @type {string[]} */ ([]);
  filter = noFilter();
  begun = false; // whether its past was read
  position = ""; // after the newest post of that
  #marker = new Marker([]);
  #track = "";

  // done(act, column) is called for "choose", "left", "right" and "close", changed() after each draw; search(name, place,
  // query) is the Api's.
  constructor({ head, acts, now, changed, done, search }) {
    this.search = search;
    this.title = button("column-title", "", "choose");
    this.muted = element("span", "muted-sign");
    this.muted.hidden = true;
    this.said = element("span", "column-filter");
    this.fresh = button("column-new", "", "newest");
    this.latest = element("span", "column-latest");
    this.now = now;
    const act = (name, sign) => button("button quiet", sign, name);
    this.moves = [act("left", "←"), act("right", "→"), act("close", "×")];
    this.head = element("header", "column-head", element("h3", "", this.title), this.muted, this.said, this.latest, this.fresh, ...this.moves);
    this.empty = element("div", "empty");
    this.empty.hidden = true;
    const above = element("div", "posts-above");
    above.ariaHidden = "true";
    this.list = element("ol", "posts");
    this.last = element("p", "posts-end");
    this.last.role = "status";
    this.more = button("button posts-more", "");
    this.body = element("div", "column-body", this.empty, above, this.list, this.last, this.more);
    this.element = element("section", "column", this.head, this.body);
    this.posts = new PostList({ list: this.list, above, head, box: this.body }, changed);
    Object.assign(this.posts.rows, { acts, now, ranges: (text) => this.#ranges(text) });
    this.head.addEventListener("click", ({ target }) => {
      const name = target.closest("[data-act]")?.dataset.act;
      if (name === "newest") this.posts.toTop();
      else if (name) done(name, this);
    });
    this.body.addEventListener("focusin", () => done("focus", this));
    this.more.addEventListener("click", () => this.posts.older(true));
    this.say();
  }

  /** @returns {ColumnPlan} */
  get plan() {
    return { topics: this.topics, filter: this.filter };
  }

  /** @param {ColumnPlan} plan */
  is(plan) {
    return plan.topics.join() === this.topics.join() && sameFilter(plan.filter, this.filter);
  }

  /** @param {ColumnPlan} plan */
  set(plan) {
    if (this.is(plan)) return;
    const [filtered, others] = [!sameFilter(plan.filter, this.filter), !plan.topics.some((name) => this.topics.includes(name))];
    [this.topics, this.filter] = [plan.topics, plan.filter];
    this.begun = false;
    if (others) this.posts.clear();
    else if (filtered) this.posts.rebuild();
    this.say();
  }

  // Reads the past; `page(query)` gives the Api's page with a filter.
  async begin(page) {
    const plan = this.plan;
    const query = archiveQuery(this.filter);
    const position = await this.posts.begin(this.topics, {
      page: page(serverQuery(this.filter)),
      search: (name, place) => this.search(name, place, query),
      passes: passing(this.filter),
      searching: Boolean(this.filter.text || this.filter.labels.length > 1),
      deep: isActive(this.filter),
    });
    if (position === null || !this.is(plan)) return "";
    [this.begun, this.position] = [true, position];
    return position;
  }

  // Marks what the topics track.
  track(terms) {
    const track = terms.join("\n");
    if (track === this.#track) return;
    this.#track = track;
    this.#marker = new Marker(terms);
    this.posts.rebuild();
  }

  // Shows what there is to say: `words` where the list is empty; `stored`: the archive can be asked.
  show({ one, current, words, over, stored }) {
    const { posts } = this;
    this.head.hidden = one;
    this.element.classList.toggle("current", current && !one);
    this.title.ariaPressed = String(current);
    this.list.classList.toggle("over", over);
    this.empty.hidden = !(posts.empty && !posts.pager.loading && words);
    setText(this.empty, this.empty.hidden ? "" : words);
    const { failed, loading, tired, past } = posts.pager;
    const end = past.absent && this.filter.text && !posts.still ? "feed.endAbsent" : past.deep && !past.absent ? "feed.endStored" : "feed.end";
    const text = loading ? t("feed.loading") : failed ? t("feed.olderFailed", { reason: failed.message })
      : posts.ended && (past.deep || !posts.empty) ? t(end) : "";
    setText(this.last, text);
    this.more.hidden = !tired || (past.ended && !stored);
    setText(this.more, t(failed ? "feed.tryNow" : past.ended ? "feed.archive" : "feed.lookBack"));
    setText(this.latest, this.latestText);
    this.fresh.hidden = !(posts.held && posts.waiting);
    setText(this.fresh, t("feed.new", { n: posts.waiting }));
  }

  // When the last post came: on the wall, where one that is folded may change nothing else that is seen.
  get latestText() {
    return this.posts.still && this.posts.latest ? t("post.last", { time: clock(this.posts.latest, this.now()) }) : "";
  }

  // Writes the texts, in the chosen language.
  say() {
    const name = this.topics.join(", ");
    setText(this.title, name);
    setText(this.said, isActive(this.filter) ? filterText(this.filter) : "");
    this.list.ariaLabel = t("feed.label");
    this.element.ariaLabel = name || t("feed.title");
    this.moves.forEach((one, nth) => {
      one.ariaLabel = [t("column.left", { name }), t("column.right", { name }), t("column.close", { name })][nth];
      one.title = one.ariaLabel;
    });
  }

  #ranges(text) {
    return [...foundRanges(this.filter.text, text).map(([from, to]) => [from, to, "found"]), ...this.#marker.ranges(text)];
  }
}
