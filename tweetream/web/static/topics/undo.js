// @ts-check
// Deletes a topic after six seconds, in which a bar offers to undo it. If the person leaves the page before, nothing is
// deleted.

import { button, element } from "../lib/elements.js";
import { t } from "../words/words.js";

const TIME = 6000;

export class Undo {
  #waiting = new Map(); // name: {timer, bar}

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
    const back = button("button small", t("topics.undo"));
    back.ariaLabel = t("topics.undoLabel", { name });
    const bar = element("div", "undo", element("span", "", t("topics.deleted", { name })), back);
    bar.dataset.undo = name;
    back.addEventListener("click", () => this.#end(name));
    const timer = setTimeout(() => this.#act(name, act, failed), TIME);
    this.#waiting.set(name, { timer, bar });
    this.region.append(bar);
    back.focus();
    this.changed();
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
    const { bar } = this.#waiting.get(name);
    const focused = bar.contains(document.activeElement);
    bar.remove();
    if (focused) this.away();
  }

  #end(name) {
    clearTimeout(this.#waiting.get(name)?.timer);
    this.#hide(name);
    this.#waiting.delete(name);
    this.changed(name);
  }
}
