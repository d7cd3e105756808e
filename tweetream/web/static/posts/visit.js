// @ts-check
// A visit to the posts of a bar of the charts: goes there, and says whose posts one sees until the list is at its newest
// posts again. Loaded when a bar is chosen.

import { button, element, setText } from "../lib/elements.js";
import { t } from "../words/words.js";

export class Visit {
  #visited = /** @type {any} */ (null); // the column

  constructor(document) {
    this.said = element("span");
    this.said.role = "status";
    this.back = button("button small", "");
    this.bar = element("div", "visit", this.said, this.back);
    this.bar.id = "visit";
    this.bar.hidden = true;
    document.body.append(this.bar);
    this.back.addEventListener("click", () => {
      this.#visited?.posts.toTop();
      this.#end();
      document.getElementById("feed-title").focus({ preventScroll: true });
    });
  }

  #end() {
    [this.#visited, this.bar.hidden] = [null, true];
  }

  // Goes before this time; `text` names the bar.
  async to(column, ms, text) {
    this.#end();
    await column.posts.goTo(ms);
    if (column.posts.empty) return;
    [this.#visited, this.bar.hidden] = [column, false];
    setText(this.said, text);
    setText(this.back, t("charts.back"));
  }

  // The list may be at its top again.
  look() {
    const column = this.#visited;
    if (column && (!column.element.isConnected || (!column.posts.held && column.posts.window.atTop))) this.#end();
  }
}
