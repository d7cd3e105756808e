// @ts-check
// The elements of a list's entries: builds them, does what their buttons say, and brings them up to date.

import { lastOf, postOf } from "./entry.js";
import { gapElement, postElement, sayCount, showSame, toggleText, topicChips, updateSame } from "./post.js";

const sameOf = (entry) => [entry, ...(entry.same ?? [])].sort((a, b) => a.time - b.time).map(postOf);

export class Rows {
  topics = /** @type {string[]} */ ([]); // of the list
  now = Date.now; // corrected by the server's clock
  ranges = (_text) => /** @type {any[]} */ ([]); // what to mark in a text
  acts = {}; // {act: run(item, post, button)}, for buttons that carry `data-act`

  build(entry) {
    if (entry.gap) return gapElement(entry.gap);
    const post = postOf(entry);
    entry.changed = false;
    const item = postElement(post, {
      topics: this.#chips(entry),
      ranges: this.ranges(String(post.text ?? "")),
      now: this.now(),
      count: 1 + (entry.same?.length ?? 0),
      last: postOf(lastOf(entry)),
    });
    if (entry.open) toggleText(item);
    return item;
  }

  // A click on the list of these entries.
  clicked(event, entries) {
    const button = event.target.closest("[data-act]");
    const item = button?.closest("li.post");
    const entry = item && entries.find((one) => one.node === item);
    if (!entry) return;
    const { act } = button.dataset;
    if (act === "more") entry.open = toggleText(item);
    else if (act === "same") showSame(item, sameOf(entry), this.now());
    else this.acts[act]?.(item, postOf(entry), button);
  }

  // Shows what came to an entry: another topic, another post that says the same.
  update(entry) {
    entry.changed = false;
    if (!entry.node) return;
    entry.node.querySelector(".topic-chips").replaceChildren(...topicChips(this.#chips(entry)));
    updateSame(entry.node, () => sameOf(entry), this.now());
    if (!sayCount(entry.node, 1 + (entry.same?.length ?? 0), postOf(lastOf(entry)), this.now())) return;
    const { dataset } = entry.node; // two names for one animation, so that it begins anew
    dataset.again = dataset.again === "odd" ? "even" : "odd";
  }

  // The topics to name in an entry where several are followed, in one order, whichever came first.
  #chips(entry) {
    return this.topics.length > 1 ? this.topics.filter((name) => entry.topics.includes(name)) : [];
  }
}
