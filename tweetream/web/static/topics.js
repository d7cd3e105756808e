// The list of topics: a row each, with counts by label and a way to delete it. Rows are kept from one
// refresh to the next, so that focus and a question asked stay where they are.

import { labelText, number } from "./format.js";
import { element, labelDot } from "./post.js";

function button(className, text, act) {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function countsOf(topic) {
  const entries = Object.entries(topic.posts ?? {}).sort(([a], [b]) => a.localeCompare(b));
  if (!entries.length) return ["No posts yet"];
  return entries.map(([label, count]) =>
    element("span", "count", labelDot(label), `${labelText(label)} `, element("b", "", number(count))),
  );
}

class Row {
  #shown = "";
  found = true;

  // remove(name) resolves when the topic is gone, and rejects with a message to show.
  constructor(name, remove) {
    this.name = name;
    this.remove = remove;
    this.link = element("a", "topic-link");
    this.link.href = `#${name}`;
    this.counts = element("span", "counts");
    this.link.append(element("span", "topic-name", name), this.counts);
    this.ask = button("button quiet", "×", () => this.#question());
    this.ask.ariaLabel = `Delete the topic ${name}`;
    this.ask.title = "Delete";
    this.item = element("li", "topic", element("div", "topic-row", this.link, this.ask));
  }

  update(topic, chosen) {
    const shown = JSON.stringify(topic.posts ?? {});
    if (shown !== this.#shown) this.counts.replaceChildren(...countsOf(topic));
    this.#shown = shown;
    if (chosen === this.link.hasAttribute("aria-current")) return;
    if (chosen) this.link.setAttribute("aria-current", "page");
    else this.link.removeAttribute("aria-current");
    this.found = !chosen;
  }

  // Once, when it was chosen: in a long list it may be out of sight. Scrolls the list, never the page.
  reveal(list) {
    if (this.found) return;
    this.found = true;
    const [row, frame] = [this.item.getBoundingClientRect(), list.getBoundingClientRect()];
    if (row.bottom > frame.bottom) list.scrollTop += row.bottom - frame.bottom + 4;
    else if (row.top < frame.top) list.scrollTop -= frame.top - row.top + 4;
  }

  #question() {
    if (this.box) return this.#close();
    const yes = button("button small danger", "Yes", () => this.#delete());
    const no = button("button small", "No", () => this.#close());
    yes.ariaLabel = `Yes, delete ${this.name}`;
    no.ariaLabel = `No, keep ${this.name}`;
    this.words = element("span", "", "Delete?");
    this.box = element("div", "confirm", this.words, yes, no);
    this.box.role = "group";
    this.box.ariaLabel = `Delete the topic ${this.name}?`;
    this.box.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
    this.item.append(this.box);
    no.focus();
  }

  #close() {
    this.box?.remove();
    this.box = null;
    this.ask.focus();
  }

  async #delete() {
    const box = this.box;
    const buttons = box.querySelectorAll("button");
    for (const one of buttons) one.disabled = true;
    this.words.textContent = "Deleting…";
    try {
      await this.remove(this.name);
    } catch (problem) {
      const again = problem.wait ? ` Try again in ${problem.wait} s.` : "";
      this.words.textContent = `Not deleted. ${problem.message}${again} Delete?`;
      for (const one of buttons) one.disabled = false;
      if (box.isConnected) buttons[0].focus();
    }
  }
}

export class TopicList {
  #rows = new Map();

  constructor(list, remove) {
    this.list = list;
    this.remove = remove;
  }

  show(topics, chosen) {
    const names = new Set(topics.map((topic) => topic.name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.item.remove();
      this.#rows.delete(name);
    }
    topics.forEach((topic, index) => {
      let row = this.#rows.get(topic.name);
      if (!row) this.#rows.set(topic.name, (row = new Row(topic.name, this.remove)));
      row.update(topic, topic.name === chosen);
      // moving an element takes the focus from it, so only what is out of place is moved
      if (this.list.children[index] !== row.item) this.list.insertBefore(row.item, this.list.children[index] ?? null);
    });
    this.#rows.get(chosen)?.reveal(this.list);
  }
}
