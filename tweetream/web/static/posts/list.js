// @ts-check
// The list of posts: newest on top, drawn a few times a second at any rate of posts.
//
// New posts wait while the list is paused, or while a person reads it: it is scrolled down, or has the focus or marked text.
// Then nothing moves, and the number of waiting posts is shown. Half a minute without a hand lets go. Near the end of the
// list, older posts are read.

import { lastHand } from "../lib/hand.js";
import { Drawing, focusOn, isRead, itemAt, MANY } from "./drawing.js";
import { entryOf, postOf } from "./entry.js";
import { Folding } from "./folding.js";
import { Pager } from "./pager.js";
import { tellTime } from "./post.js";
import { Rows } from "./rows.js";
import { Timeline } from "./timeline.js";
import { Window } from "./window.js";

const HELD = 30000; // ms
const AT_ONCE = 40; // new posts in one draw; a browser that had no time for a while gets more, and would stand still
const FAR = 40; // pages that are read to reach a time
const FAR_STORED = 4; // the same where the archive has that time too

export class PostList {
  paused = false;
  held = false;
  still = false; // never held, for a wall
  rows = new Rows();
  pager = new Pager();
  #timeline = new Timeline(false);
  #left = /** @type {Pager | null} */ (null); // where reading goes on after a jump into the past
  #folds = true;
  #drawing = new Drawing((quiet) => this.#draw(quiet));
  #turn = 0;
  #arrived = /** @type {any[] | null} */ (null); // live posts that come while the list begins
  #scrolled = false;
  #waitsSince = 0;
  #alive = new AbortController();

  // changed() is called after each draw, also while posts wait.
  constructor({ list, above, head, box }, changed) {
    this.list = list;
    this.changed = changed;
    this.window = new Window(list, above, head, (entry) => this.rows.build(entry));
    list.addEventListener("click", (event) => this.rows.clicked(event, this.#timeline.entries));
    list.addEventListener("pointerover", ({ target }) => target.tagName === "TIME" && tellTime(target, this.rows.now()));
    for (const type of ["focusin", "focusout"]) list.addEventListener(type, () => this.#drawing.schedule());
    const { signal } = this.#alive;
    document.addEventListener("selectionchange", () => this.#drawing.schedule(), { signal });
    for (const target of [globalThis, box]) target.addEventListener("scroll", () => this.#onScroll(), { passive: true, signal });
    addEventListener("resize", () => this.#onScroll(), { passive: true, signal });
  }

  end() {
    this.#turn += 1;
    this.#alive.abort();
  }

  get empty() {
    return this.#timeline.empty;
  }

  get waiting() {
    return this.#timeline.waiting;
  }

  get latest() {
    return this.#timeline.latest; // ms
  }

  get overflowing() {
    return this.#timeline.overflowing; // more posts wait than will be shown
  }

  // Whether the first posts there are stand in the document.
  get ended() {
    return this.pager.past.ended && this.window.complete;
  }

  // The posts of the list, newest first, each with all its topics here.
  get all() {
    return this.#timeline.all.filter((entry) => !entry.gap).map((entry) => ({ ...postOf(entry), topic: entry.topics }));
  }

  // When the list lets go by itself, by performance.now(); 0 while nothing waits for the person.
  get freeAt() {
    if (!this.held || this.paused || !this.waiting || document.querySelector("dialog[open]")) return 0;
    return Math.max(this.#waitsSince, lastHand()) + HELD;
  }

  // Starts again with the newest posts of these topics; the old list stays until they are read. `how` is the Pager's.
  // Resolves to the position after the newest, or to null when it was begun again; rejects with the Api's Problem.
  async begin(topics, how) {
    this.#turn += 1;
    const turn = this.#turn;
    const pager = new Pager(how, topics);
    this.#arrived = [];
    const found = await pager.first();
    if (turn !== this.#turn) return null;
    const arrived = this.#arrived;
    this.#arrived = null;
    this.#timeline = new Timeline(topics.length > 1, this.#folds ? new Folding(postOf) : null);
    [this.pager, this.rows.topics, this.#left] = [pager, topics, null];
    this.#timeline.addOlder(found, pager.past.ended);
    for (const [data, position] of arrived) this.add(data, position);
    this.window.show(this.#timeline.entries, true);
    this.window.top();
    this.#drawing.schedule();
    return pager.past.newest;
  }

  // A live post. Returns its entry if it is new, of these topics, and passes the filter.
  add(data, position) {
    this.#arrived?.push([data, position]);
    const entry = entryOf(data, position);
    if (!entry || !this.rows.topics.includes(entry.topics[0]) || !this.pager.passes(entry)) return null;
    const fresh = this.#timeline.add(entry, this.paused || this.held);
    this.#drawing.schedule();
    return fresh ? entry : null;
  }

  addGap(gap) {
    this.#timeline.addGap(gap);
    this.#drawing.schedule();
  }

  retract(id) {
    if (typeof id !== "string") return;
    const { entries } = this.#timeline;
    const [at, before] = [entries.findIndex((entry) => entry.id === id), entries.length];
    const entry = this.#timeline.retract(id);
    if (entry) {
      const next = entry.node?.contains(document.activeElement) && (entry.node.nextElementSibling ?? entry.node.previousElementSibling);
      this.window.keep(() => {
        if (this.#timeline.entries.length < before) this.window.removed(at);
        this.window.show(this.#timeline.entries, false);
      });
      /** @type {HTMLElement} */ (next?.firstElementChild)?.focus({ preventScroll: true });
    }
    this.#drawing.schedule();
  }

  // A topic was deleted: its older posts cannot be read.
  drop(name) {
    for (const pager of [this.pager, this.#left]) pager?.past.drop(name);
  }

  clear() {
    this.#turn += 1;
    this.#timeline = new Timeline(false);
    [this.pager, this.rows.topics, this.#left] = [new Pager(), [], null];
    this.window.clear();
    this.resume();
  }

  // Whether posts that say the same are one entry.
  fold(folds) {
    if (folds === this.#folds) return;
    this.#folds = folds;
    this.#timeline.fold(folds ? new Folding(postOf) : null);
    this.window.show(this.#timeline.entries, true);
    this.window.rebuild();
    this.#drawing.schedule();
  }

  pause() {
    this.paused = true;
    this.#timeline.hold();
    this.#drawing.schedule();
  }

  resume() {
    this.paused = false;
    this.#drawing.schedule();
  }

  // Shows the newest posts.
  toTop() {
    if (this.list.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
    if (this.list.contains(getSelection()?.anchorNode)) getSelection().removeAllRanges();
    this.held = false;
    this.#letIn({ most: Infinity });
    this.window.show(this.#timeline.entries, true);
    this.window.top();
    this.#drawing.schedule();
  }

  // Moves the focus by `step` posts from the focused one, or to the first on the screen.
  step(step) {
    focusOn(itemAt(this.list, this.window.edge, step));
  }

  // Goes to the newest post before this time: reads older ones until it is there, or goes there in the archive.
  async goTo(ms) {
    const turn = this.#turn;
    const { past } = this.pager;
    const at = () => this.#timeline.entries.findIndex(({ time }) => time < ms);
    const stored = past.search !== null && !past.absent;
    for (let page = 0; page < (stored ? FAR_STORED : FAR) && at() < 0 && !past.ended && turn === this.#turn; page += 1) await this.older(true);
    if (at() < 0 && stored && turn === this.#turn) await this.#jump(ms);
    if (turn === this.#turn && !this.empty) focusOn(this.window.reveal(at() < 0 ? this.#timeline.entries.length - 1 : at()));
  }

  // The list goes on from this time, if the archive has posts there; the newest ones come back with `toTop`.
  async #jump(ms) {
    const [turn, before] = [this.#turn, this.#left ?? this.pager];
    const pager = before.from(ms);
    try {
      const found = await pager.first();
      before.past.absent ||= pager.past.absent;
      if (!found.length || turn !== this.#turn) return;
      [this.#left, this.pager] = [before, pager];
      this.#timeline.leave(ms);
      this.#timeline.addOlder(found, pager.past.ended);
      this.window.show(this.#timeline.entries, true);
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      this.pager.failed = problem;
    }
    this.#drawing.schedule();
  }

  rebuild() {
    this.window.rebuild();
  }

  // Reads older posts; `again`: the person asks for more.
  async older(again = false) {
    const pager = this.pager;
    const add = (entries) => {
      if (pager !== this.pager) return 0; // the list has begun again
      const added = this.#timeline.addOlder(entries, pager.past.ended);
      this.window.keep(() => this.window.show(this.#timeline.entries, false));
      return added;
    };
    const changed = () => {
      if (pager !== this.pager) return;
      this.changed();
      this.#drawing.schedule();
    };
    await pager.more(again, add, changed);
  }

  #onScroll() {
    if (this.#scrolled) return;
    this.#scrolled = true;
    requestAnimationFrame(() => {
      this.#scrolled = false;
      this.#look();
      this.#drawing.schedule();
    });
  }

  #look() {
    if (this.window.follow()) this.older();
  }

  // Returns how many posts are new.
  #draw(quiet) {
    const was = this.held;
    this.held = !this.still && (this.#left !== null || isRead(this.list, this.window.atTop));
    if (this.held && !was && !this.paused) this.#timeline.hold();
    // A person who scrolls back to the top reads on upwards: the waiting posts go above, and nothing moves.
    const back = was && !this.held && this.waiting > 0;
    let fresh = 0;
    if (!this.paused && !this.held && !(back && this.overflowing)) fresh = this.#letIn({ quiet, back });
    else if (back) this.held = true;
    this.#waitsSince = this.waiting ? this.#waitsSince || performance.now() : 0;
    for (const entry of this.#timeline.entries) if (entry.changed) this.rows.update(entry);
    this.#look();
    this.changed();
    return fresh;
  }

  #letIn({ quiet = false, back = false, most = AT_ONCE }) {
    const first = this.#timeline.entries.length === 0;
    if (this.#left) [this.pager, this.#left] = [this.#left, null];
    const fresh = this.#timeline.release(back ? Infinity : most);
    if (this.#timeline.queued) this.#drawing.schedule();
    this.#timeline.trim();
    for (const [name, before] of this.#timeline.takeDropped()) this.pager.past.back(name, before);
    if (back) {
      this.window.inserted(fresh.length);
      this.window.keep(() => this.window.show(this.#timeline.entries, false));
    } else this.window.show(this.#timeline.entries, true);
    if (quiet && !first && fresh.length < MANY && !back) for (const { node } of fresh) node?.classList.add("fresh");
    return fresh.length;
  }
}
