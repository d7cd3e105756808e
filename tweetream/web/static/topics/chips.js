// @ts-check
// A field for several words, phrases and #hashtags: each becomes a chip at a comma or Enter, and can be removed again.

import { element } from "../lib/elements.js";
import { t } from "../words/words.js";

export const terms = (text) => text.split(/[,\n]/).map((term) => term.trim().replace(/\s+/g, " ")).filter(Boolean);

export class Chips {
  #terms = [];

  constructor(list, input, changed) {
    this.list = list;
    this.input = input;
    this.changed = changed;
    input.addEventListener("input", () => {
      if (/[,\n]/.test(input.value)) this.#take();
      this.changed();
    });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter" && input.value.trim()) {
        event.preventDefault();
        this.#take();
      } else if (event.key === "Backspace" && !input.value && this.#terms.length) this.#remove(this.#terms.at(-1));
    });
    list.addEventListener("click", (event) => {
      const chip = event.target.closest("button");
      if (chip) this.#remove(chip.dataset.term);
    });
  }

  // All terms, with the one that is being typed.
  get value() {
    return [...new Set([...this.#terms, ...terms(this.input.value)])];
  }

  set(terms) {
    this.#terms = [...terms];
    this.input.value = "";
    this.say();
  }

  clear() {
    this.#terms = [];
    this.input.value = "";
    this.say();
  }

  say() {
    this.list.hidden = !this.#terms.length;
    this.list.replaceChildren(...this.#terms.map((term) => this.#chip(term)));
  }

  #chip(term) {
    const kind = term === "*" ? "all" : term.startsWith("#") ? "tag" : term.includes(" ") ? "phrase" : "word";
    const shown = kind === "phrase" ? `“${term}”` : kind === "all" ? t("add.everything") : term;
    const chip = element("button", `chip ${kind}`, shown, element("span", "cross", "×"));
    chip.type = "button";
    chip.dataset.term = term;
    chip.ariaLabel = t("add.removeTerm", { term });
    return element("li", "", chip);
  }

  #take() {
    this.#terms = this.value;
    this.input.value = "";
    this.say();
  }

  #remove(term) {
    this.#terms = this.#terms.filter((one) => one !== term);
    this.say();
    this.input.focus();
    this.changed();
  }
}
