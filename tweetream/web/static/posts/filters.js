// @ts-check
// The filters above the posts: labels, least score, words. They are part of the address, so that it can be shared.

import { isActive, noFilter } from "../lib/address.js";
import { element, setText } from "../lib/elements.js";
import { labelText, percent } from "../words/format.js";
import { t } from "../words/words.js";
import { filterText } from "./column.js";
import { labelDot } from "./post.js";

const PAUSE = 300; // ms after the last letter
const SCORES = [0, 0.6, 0.7, 0.8, 0.9, 0.95];

export class Filters {
  #timer = 0;
  #labels = [];

  // changed(filter) is called when the person changes it.
  constructor(document, changed) {
    const byId = (id) => document.getElementById(id);
    this.changed = changed;
    this.said = byId("filter-label");
    this.list = byId("filter-labels");
    this.score = byId("filter-score");
    this.text = byId("filter-text");
    this.clear = byId("filter-clear");
    this.short = byId("filter-said");
    this.save = byId("export");
    this.where = byId("filter-where");
    this.value = noFilter();
    this.list.addEventListener("change", () => this.#read());
    this.score.addEventListener("change", () => this.#read());
    this.text.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#read(), PAUSE);
    });
    this.clear.addEventListener("click", () => {
      this.#change(noFilter());
      this.text.focus();
    });
  }

  get active() {
    return isActive(this.value);
  }

  set(value) {
    clearTimeout(this.#timer);
    this.value = value;
    if (this.text.value.trim() !== value.text) this.text.value = value.text;
    this.say();
  }

  clearText() {
    this.text.value = "";
    this.#read();
  }

  // Says what the words are searched in; `archive` tells whether there is one, or null.
  search(archive) {
    setText(this.where, t(archive === null ? "filter.where" : archive ? "filter.whereStored" : "filter.whereAbsent"));
  }

  // The labels that can be chosen.
  labels(labels) {
    const all = [...new Set(labels)].sort();
    if (all.join("\n") === this.#labels.join("\n")) return;
    this.#labels = all;
    this.#offer();
  }

  // Chooses this label, or no longer.
  toggle(label) {
    const { labels } = this.value;
    this.#change({ ...this.value, labels: labels.includes(label) ? labels.filter((one) => one !== label) : [...labels, label] });
  }

  // Writes the texts again, in the chosen language.
  say() {
    const { labels, minScore } = this.value;
    this.#offer();
    setText(this.said, labels.length > 2 ? t("filter.labels", { n: labels.length }) : labels.map(labelText).join(", ") || t("filter.anyLabel"));
    const scores = [...new Set([...SCORES, minScore])].sort((a, b) => a - b);
    const option = (score) => new Option(score ? t("filter.sure", { score: percent(score) }) : t("filter.anyScore"), String(score));
    this.score.replaceChildren(...scores.map(option));
    this.score.value = String(minScore);
    this.clear.hidden = !this.active;
    setText(this.save, t(this.active ? "export.these" : "export.save"));
    this.short.hidden = !this.active;
    setText(this.short, this.active ? filterText(this.value) : "");
  }

  #offer() {
    const all = [...new Set([...this.#labels, ...this.value.labels])].sort();
    const boxes = new Map([...this.list.querySelectorAll("input")].map((box) => [box.value, box.closest("label")]));
    if ([...boxes.keys()].join("\n") !== all.join("\n")) {
      for (const label of all) if (!boxes.has(label)) boxes.set(label, this.#box(label));
      this.list.replaceChildren(...all.map((label) => boxes.get(label)));
    }
    for (const label of all) {
      const line = boxes.get(label);
      line.firstElementChild.checked = this.value.labels.includes(label);
      setText(line.lastElementChild, labelText(label));
    }
  }

  #box(label) {
    const box = element("input");
    box.type = "checkbox";
    box.value = label;
    return element("label", "check", box, labelDot(label), element("span"));
  }

  #read() {
    const labels = [...this.list.querySelectorAll("input:checked")].map((box) => box.value);
    this.#change({ labels, minScore: Number(this.score.value), text: this.text.value.trim().slice(0, 200) });
  }

  #change(value) {
    this.set(value);
    this.changed(value);
  }
}
