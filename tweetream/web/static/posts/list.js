// @ts-check
// The list of posts: newest on top, drawn a few times a second at any rate of posts.
//
// New posts wait while the list is paused, or while a person reads it: it is scrolled down, or has the focus or marked text.
// Then nothing moves, and the number of waiting posts is shown. Near the end of the list, older posts are read.

import { Past } from "./past.js";
import { gapElement, postElement, refreshTimes, toggleText, topicChips } from "./post.js";
import { entryOf, postOf, Timeline } from "./timeline.js";
import { Window } from "./window.js";

const MANY = 30; // new posts in one draw, after which the next draw waits longer
const DELAY = 100;
const BUSY_DELAY = 200;
const QUIET = 600; // ms without a draw, after which new posts are highlighted: many highlights cost too much
const PAGE = 50;
const WIDE_PAGE = 200; // while a text is searched for
const VAIN = 5; // pages in a row without a post to show; then the person must ask for more

export class PostList {
  paused = false;
  held = false;
  loading = false;
  failed = null; // the Problem of the last page
  now = Date.now; // corrected by the server's clock
  actions = []; // {act, text(post), run(post, button)}: buttons at each post's foot
  #timeline = new Timeline(false);
  #past = new Past(null, []);
  #topics = [];
  #marker = null;
  #passes = (_entry) => true;
  #page = PAGE;
  #scheduled = false;
  #drawn = 0; // when
  #busy = false;
  #vain = 0;
  #turn = 0;
  #scrolled = false;

  // changed() is called after each draw, also while posts wait.
  constructor({ list, above, head }, changed) {
    this.list = list;
    this.changed = changed;
    this.window = new Window(list, above, head, (entry) => this.#build(entry));
    list.addEventListener("click", (event) => this.#clicked(event));
    for (const type of ["focusin", "focusout"]) list.addEventListener(type, () => this.#schedule());
    document.addEventListener("selectionchange", () => this.#schedule());
    addEventListener("scroll", () => this.#onScroll(), { passive: true });
    addEventListener("resize", () => this.#onScroll(), { passive: true });
  }

  get empty() {
    return this.#timeline.empty;
  }

  get waiting() {
    return this.#timeline.waiting;
  }

  // Whether more posts wait than will be shown.
  get overflowing() {
    return this.#timeline.overflowing;
  }

  // Whether the first posts there are stand in the document.
  get ended() {
    return this.#past.ended && this.window.complete;
  }

  // Whether older posts are read only when the person asks for them.
  get tired() {
    return !this.#past.ended && !this.loading && (this.#vain >= VAIN || this.failed !== null);
  }

  // The posts of the list, newest first.
  get all() {
    return this.#timeline.entries.filter((entry) => !entry.gap).map(postOf);
  }

  // Starts again with the newest posts of these topics; the old list stays until they are read. Resolves to the position
  // after the newest; rejects with the Api's Problem. `passes(entry)` chooses the posts to show, `page` is the Api's.
  async begin(topics, { page, passes, searching }) {
    this.#turn += 1;
    const turn = this.#turn;
    const past = new Past(page, topics);
    this.#page = searching ? WIDE_PAGE : PAGE;
    const found = await past.next(this.#page);
    if (turn !== this.#turn) return "";
    this.#timeline = new Timeline(topics.length > 1);
    [this.#past, this.#topics, this.#passes] = [past, topics, passes];
    [this.loading, this.failed, this.#vain] = [false, null, 0];
    this.#timeline.addOlder(found.filter(passes), past.ended);
    this.window.show(this.#timeline.entries, true);
    this.window.top();
    this.#schedule();
    return past.newest;
  }

  // Marks the words of the topics in the texts.
  mark(marker) {
    this.#marker = marker;
    this.rebuild();
  }

  // A live post. Returns its entry if it is new and passes the filter.
  add(data, position) {
    const entry = entryOf(data, position);
    if (!entry || !this.#passes(entry)) return null;
    const fresh = this.#timeline.add(entry, this.paused || this.held);
    this.#schedule();
    return fresh ? entry : null;
  }

  addGap(gap) {
    this.#timeline.addGap(gap);
    this.#schedule();
  }

  retract(id) {
    if (typeof id !== "string") return;
    const at = this.#timeline.entries.findIndex((entry) => entry.id === id);
    const entry = this.#timeline.retract(id);
    if (entry) {
      const next = entry.node?.contains(document.activeElement) && (entry.node.nextElementSibling ?? entry.node.previousElementSibling);
      this.window.keep(() => {
        this.window.removed(at);
        this.window.show(this.#timeline.entries, false);
      });
      /** @type {HTMLElement} */ (next?.firstElementChild)?.focus({ preventScroll: true });
    }
    this.#schedule();
  }

  // A topic was deleted: its older posts cannot be read.
  drop(name) {
    this.#past.drop(name);
  }

  clear() {
    this.#turn += 1;
    this.#timeline = new Timeline(false);
    this.#past = new Past(null, []);
    this.#topics = [];
    this.window.clear();
    this.resume();
  }

  pause() {
    this.paused = true;
    this.#timeline.hold();
    this.#schedule();
  }

  resume() {
    this.paused = false;
    this.#schedule();
  }

  // Shows the newest posts.
  toTop() {
    if (this.list.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
    if (this.list.contains(getSelection()?.anchorNode)) getSelection().removeAllRanges();
    this.held = false;
    this.#letIn();
    this.window.show(this.#timeline.entries, true);
    this.window.top();
    this.#schedule();
  }

  // Moves the focus by `step` posts from the focused one, or to the first on the screen.
  step(step) {
    const items = [...this.list.querySelectorAll(".post")];
    const now = items.findIndex((item) => item.contains(document.activeElement));
    const edge = this.window.edge;
    const seen = items.findIndex((item) => item.getBoundingClientRect().top >= edge - 4);
    const next = items[now >= 0 ? now + step : Math.max(0, seen)];
    next?.firstElementChild.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  }

  refreshTimes() {
    refreshTimes(this.list, this.now());
  }

  rebuild() {
    this.window.rebuild();
  }

  // Reads older posts; `again`: the person asks for more.
  async older(again = false) {
    if (again) [this.#vain, this.failed] = [0, null];
    if (this.loading || this.#past.ended || this.tired) return;
    const turn = this.#turn;
    this.loading = true;
    this.changed();
    try {
      const found = await this.#past.next(this.#page);
      if (turn !== this.#turn) return;
      const added = this.#timeline.addOlder(found.filter(this.#passes), this.#past.ended);
      this.#vain = added ? 0 : this.#vain + 1;
      this.window.keep(() => this.window.show(this.#timeline.entries, false));
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      if (turn === this.#turn) this.failed = problem;
    } finally {
      if (turn === this.#turn) this.loading = false;
      this.#schedule();
    }
  }

  #build(entry) {
    if (entry.gap) return gapElement(entry.gap);
    const topics = this.#topics.length > 1 ? entry.topics : [];
    const item = postElement(postOf(entry), { topics, marker: this.#marker, actions: this.actions, now: this.now() });
    if (entry.open) toggleText(item);
    return item;
  }

  #clicked(event) {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (!act) return;
    const item = event.target.closest("li");
    const entry = this.#timeline.entries.find((one) => one.node === item);
    if (!entry) return;
    if (act === "more") entry.open = toggleText(item);
    else this.actions.find((action) => action.act === act)?.run(postOf(entry), event.target.closest("button"));
  }

  #reading() {
    if (!this.list.firstElementChild) return false;
    if (document.querySelector("dialog[open]")) return true; // after the dialog the list must be where it was
    const selection = getSelection();
    const marked = selection && !selection.isCollapsed && this.list.contains(selection.anchorNode);
    return marked || this.list.contains(document.activeElement) || !this.window.atTop;
  }

  #onScroll() {
    if (this.#scrolled) return;
    this.#scrolled = true;
    requestAnimationFrame(() => {
      this.#scrolled = false;
      this.#look();
      this.#schedule();
    });
  }

  #look() {
    if (this.window.follow()) this.older();
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
    const was = this.held;
    this.held = this.#reading();
    if (this.held && !was && !this.paused) this.#timeline.hold();
    // A person who scrolls back to the top reads on upwards: the waiting posts go above, and nothing moves.
    const back = was && !this.held && this.waiting > 0;
    if (!this.paused && !this.held && !(back && this.overflowing)) this.#letIn(quiet, back);
    else if (back) this.held = true;
    this.#chips();
    this.#look();
    this.#drawn = performance.now(); // after the work, so that other work gets its time
    this.changed();
  }

  #letIn(quiet = false, back = false) {
    const first = this.#timeline.entries.length === 0;
    const fresh = this.#timeline.release();
    this.#busy = fresh.length >= MANY;
    this.#timeline.trim();
    for (const [name, before] of this.#timeline.takeDropped()) this.#past.back(name, before);
    if (back) {
      this.window.inserted(fresh.length);
      this.window.keep(() => this.window.show(this.#timeline.entries, false));
    } else this.window.show(this.#timeline.entries, true);
    if (quiet && !first && !this.#busy && !back) for (const { node } of fresh) node?.classList.add("fresh");
  }

  #chips() {
    if (this.#topics.length < 2) return;
    for (const entry of this.#timeline.entries) {
      if (!entry.changed) continue;
      entry.changed = false;
      entry.node?.querySelector(".topic-chips").replaceChildren(...topicChips(entry.topics));
    }
  }
}
