// @ts-check
// The list of topics: a row each, with counts by label, posts a minute, a box to follow several, and a way to delete it.
// A refresh keeps the rows, so that the focus stays where it is. The list listens for all of them.

import { button, element } from "../lib/elements.js";
import { labelDot } from "../posts/post.js";
import { labelText, number } from "../words/format.js";
import { t } from "../words/words.js";

function countsOf(topic) {
  const entries = Object.entries(topic.posts ?? {}).sort(([a], [b]) => a.localeCompare(b));
  if (!entries.length) return [t("topics.noPosts")];
  return entries.map(([label, count]) =>
    element("span", "count", labelDot(label), `${labelText(label)} `, element("b", "", number(count))),
  );
}

class Row {
  #shown = "";
  found = true;

  constructor(name) {
    this.name = name;
    this.box = element("input", "follow");
    this.box.type = "checkbox";
    this.link = element("a", "topic-link");
    this.link.href = `#${name}`;
    this.counts = element("span", "counts");
    this.rate = element("span", "rate");
    this.link.append(element("span", "topic-line", element("span", "topic-name", name), this.rate), this.counts);
    this.ask = button("button quiet", "×", "delete");
    this.item = element("li", "topic", element("label", "follow-hit", this.box), this.link, this.ask);
    this.item.dataset.topic = name;
    this.say();
  }

  say() {
    this.#shown = "";
    this.box.ariaLabel = t("topics.follow", { name: this.name });
    this.box.title = t("topics.followTitle");
    this.ask.ariaLabel = t("topics.delete", { name: this.name });
    this.ask.title = t("topics.deleteTitle");
  }

  update(topic, rate, chosen) {
    const shown = JSON.stringify([topic.posts ?? {}, rate]);
    if (shown !== this.#shown) {
      this.counts.replaceChildren(...countsOf(topic));
      this.link.dataset.total = number(Object.values(topic.posts ?? {}).reduce((sum, count) => sum + count, 0));
      this.rate.textContent = rate === null ? "" : t("topics.rate", { rate });
      this.rate.title = rate === null ? "" : t("topics.perMinute", { n: rate });
    }
    this.#shown = shown;
    this.box.checked = chosen;
    if (chosen === this.link.hasAttribute("aria-current")) return;
    if (chosen) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
    this.found = !chosen;
  }

  // Scrolls a row that was just chosen into view, once. Scrolls the list, never the page.
  reveal(list) {
    if (this.found) return;
    this.found = true;
    const [row, frame] = [this.item.getBoundingClientRect(), list.getBoundingClientRect()];
    if (row.bottom > frame.bottom) list.scrollTop += row.bottom - frame.bottom + 4;
    else if (row.top < frame.top) list.scrollTop -= frame.top - row.top + 4;
    if (row.right > frame.right) list.scrollLeft += row.right - frame.right + 4;
    else if (row.left < frame.left) list.scrollLeft -= frame.left - row.left + 4;
  }
}

export class TopicList {
  #rows = new Map();

  // toggle(name) follows a topic too, or no longer; remove(name) deletes it.
  constructor(list, { toggle, remove }) {
    this.list = list;
    const name = (event) => event.target.closest("[data-topic]")?.dataset.topic;
    list.addEventListener("change", (event) => event.target.matches(".follow") && toggle(name(event)));
    list.addEventListener("click", (event) => {
      if (event.target.closest('[data-act="delete"]')) return remove(name(event));
      const link = event.target.closest("a");
      if (!link || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
      event.preventDefault(); // chooses a second one, as in other lists, and opens no tab
      toggle(name(event));
    });
  }

  // rate(topic) is posts a minute, or null.
  show(topics, chosen, rate) {
    const names = new Set(topics.map((topic) => topic.name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.item.remove();
      this.#rows.delete(name);
    }
    topics.forEach((topic, index) => {
      const row = this.#rows.get(topic.name) ?? new Row(topic.name);
      this.#rows.set(topic.name, row);
      row.update(topic, rate(topic), chosen.includes(topic.name));
      // a moved element loses the focus, so only rows in a wrong place are moved
      if (this.list.children[index] !== row.item) this.list.insertBefore(row.item, this.list.children[index] ?? null);
    });
    for (const name of chosen) this.#rows.get(name)?.reveal(this.list);
  }

  // Writes the texts again, in the chosen language.
  say() {
    for (const row of this.#rows.values()) row.say();
  }
}
