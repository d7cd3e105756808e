// @ts-check
// The filters above the posts: label, least score, text. They are part of the address, so that it can be shared.

import { fold } from "../lib/fold.js";
import { labelText } from "../words/format.js";
import { number, t } from "../words/words.js";
import { postOf } from "./timeline.js";

const PAUSE = 300; // ms after the last letter

// Whether the text is in a post's text or author. Most posts fail the quick test of the raw JSON, where it has no escapes.
export function textFilter(text) {
  const sought = fold(text.trim());
  if (!sought) return () => true;
  const plain = /^[\x20-\x7e]*$/.test(sought) && !/["\\]/.test(sought);
  return (entry) => {
    const data = entry.data;
    if (plain && data && !data.includes("\\u") && !data.toLowerCase().includes(sought)) return false;
    const post = postOf(entry);
    return fold(`${post.text ?? ""}\n${post.author ?? ""}`).includes(sought);
  };
}

export class Filters {
  #timer = 0;
  #labels = [];

  // changed(filter) is called when the person changes it.
  constructor(document, changed) {
    const byId = (id) => document.getElementById(id);
    this.changed = changed;
    this.label = byId("filter-label");
    this.score = byId("filter-score");
    this.shownScore = byId("filter-score-value");
    this.text = byId("filter-text");
    this.clear = byId("filter-clear");
    this.value = { label: "", minScore: 0, text: "" };
    this.fold = byId("filter-fold");
    const narrow = matchMedia("(max-width: 52rem)");
    const fit = () => (this.fold.open = !narrow.matches || this.active); // on a wide screen nothing can fold it
    narrow.addEventListener("change", fit);
    fit();
    this.label.addEventListener("change", () => this.#read());
    this.score.addEventListener("change", () => this.#read());
    this.score.addEventListener("input", () => this.#showScore());
    this.text.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#read(), PAUSE);
    });
    this.clear.addEventListener("click", () => {
      this.set({ label: "", minScore: 0, text: "" });
      this.text.focus();
      this.changed(this.value);
    });
  }

  // Moves the focus to the text, also when the filters are folded.
  toText() {
    this.fold.open = true;
    this.text.focus();
  }

  get active() {
    return Boolean(this.value.label || this.value.minScore || this.value.text);
  }

  set(value) {
    clearTimeout(this.#timer);
    this.value = value;
    this.#offer();
    this.score.value = String(Math.round(value.minScore * 100));
    if (this.text.value.trim() !== value.text) this.text.value = value.text;
    this.#showScore();
    this.clear.hidden = !this.active;
    if (this.active) this.fold.open = true; // a filter that hides posts must be visible
  }

  // The labels that can be chosen.
  labels(labels) {
    const all = [...new Set(labels)].sort();
    if (all.join("\n") === this.#labels.join("\n")) return;
    this.#labels = all;
    this.#offer();
  }

  // Writes the texts again, in the chosen language.
  say() {
    this.#offer();
    this.#showScore();
  }

  #offer() {
    const chosen = this.value.label;
    const all = this.#labels.includes(chosen) || !chosen ? this.#labels : [...this.#labels, chosen];
    const options = all.map((label) => new Option(labelText(label), label));
    this.label.replaceChildren(new Option(t("filter.anyLabel"), ""), ...options);
    this.label.value = chosen;
  }

  #showScore() {
    this.shownScore.textContent = number(Number(this.score.value) / 100, { style: "percent" });
  }

  #read() {
    this.set({ label: this.label.value, minScore: Number(this.score.value) / 100, text: this.text.value.trim().slice(0, 200) });
    this.changed(this.value);
  }
}
