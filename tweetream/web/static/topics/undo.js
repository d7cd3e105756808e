// @ts-check
// Deletes a topic after ten seconds, in which a bar offers to undo it. The time begins again when a pointer leaves the bar, or
// the focus that a keyboard brought there; it is five minutes at most. If the person leaves the page before, nothing is
// deleted. Loaded when it is needed first.

import { button, element } from "../lib/elements.js";
import { t } from "../words/words.js";

const [TIME, MOST] = [10000, 300000]; // ms

export class Undo {
  #waiting = new Map(); // name: {timer, bar, end}

  // changed() is called when the answer of `has` changes, away(hadFocus) when a bar goes that may have had the focus.
  constructor(region, { changed, away }) {
    this.region = region;
    this.changed = changed;
    this.away = away;
    addEventListener("pagehide", () => this.cancel());
  }

  // Whether this topic waits to be deleted, or is being deleted.
  has(name) {
    return this.#waiting.has(name);
  }

  // act() deletes; if it rejects with a Problem, failed(problem) is called.
  start(name, act, failed) {
    if (this.has(name)) return;
    const back = button("button small", t("topics.undo"));
    back.ariaLabel = t("topics.undoLabel", { name });
    const bar = element("div", "undo", element("span", "", t("topics.deleted", { name })), back);
    bar.dataset.undo = name;
    back.addEventListener("click", () => this.#end(name));
    const waiting = { timer: 0, bar, end: new AbortController() };
    this.#waiting.set(name, waiting);
    this.#wait(waiting, () => this.#act(name, act, failed));
    this.region.append(bar);
    back.focus();
    this.changed();
  }

  // Calls done() when neither a pointer nor the focus was at the bar for so long.
  #wait(waiting, done) {
    const [held, last] = [new Set(), Date.now() + MOST];
    const begin = () => {
      clearTimeout(waiting.timer);
      const left = Math.max(0, last - Date.now());
      waiting.timer = setTimeout(done, held.size ? left : Math.min(TIME, left));
    };
    const listen = (type, note) =>
      waiting.bar.addEventListener(type, (event) => {
        note(event);
        begin();
      }, { signal: waiting.end.signal });
    listen("pointerenter", () => held.add("pointer"));
    listen("pointerleave", () => held.delete("pointer"));
    // after a click or a touch it has the focus as well, until something else is touched
    listen("focusin", ({ target }) => target.matches(":focus-visible") && held.add("focus"));
    listen("focusout", () => held.delete("focus"));
    begin();
  }

  // Keeps this topic, unless the server was asked already.
  keep(name) {
    if (this.#waiting.get(name)?.bar.isConnected) this.#end(name);
  }

  cancel() {
    for (const name of [...this.#waiting.keys()]) this.#end(name);
  }

  async #act(name, act, failed) {
    this.#hide(name);
    try {
      await act();
    } catch (problem) {
      failed(problem);
    } finally {
      this.#waiting.delete(name);
      this.changed();
    }
  }

  #hide(name) {
    const { bar, end, timer } = this.#waiting.get(name);
    clearTimeout(timer);
    end.abort(); // a bar that goes loses pointer and focus
    const focused = bar.contains(document.activeElement);
    bar.remove();
    if (focused) this.away();
  }

  #end(name) {
    this.#hide(name);
    this.#waiting.delete(name);
    this.changed(name);
  }
}
