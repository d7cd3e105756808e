// @ts-check
// Shows what a new topic would have matched in the last hour, while a person types its words. One question at a time: what
// was typed meanwhile is asked next. A person who may not add topics sees nothing.

import { isName } from "../lib/address.js";
import { element, setText } from "../lib/elements.js";
import { onLanguage, t } from "../words/words.js";
import { said } from "./faults.js";

const DELAY = 400; // ms without a key

/** @typedef {{matches: number, posts: {text: string}[], warnings: string[]}} Answer */

// What to ask for while the form has this name and these words, or null while there is too little.
export function question(name, track) {
  if (isName(name)) return { name, track };
  return track.length ? { name: "preview", track } : null;
}

export class Preview {
  #timer = 0;
  #asking = false;
  #wanted = /** @type {{name: string, track: string[]} | null} */ (null);
  #answer = /** @type {Answer | null} */ (null);

  // ask(name, track) resolves to an Answer, or to null for a person who may not ask; fate() says what becomes of these posts.
  constructor(region, ask, fate) {
    this.region = region;
    this.ask = ask;
    this.fate = fate;
    this.summary = element("p", "preview-summary");
    this.summary.role = "status";
    this.warnings = element("ul", "preview-warnings");
    this.posts = element("ul", "preview-posts");
    region.append(this.summary, this.warnings, this.posts);
    onLanguage(() => this.say());
  }

  type(name, track) {
    clearTimeout(this.#timer);
    this.#wanted = question(name, track);
    if (this.#wanted) this.#timer = setTimeout(() => this.#next(), DELAY);
    else this.#show(null);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#wanted = null;
    this.#show(null);
  }

  async #next() {
    if (this.#asking || !this.#wanted) return;
    const wanted = this.#wanted;
    this.#asking = true;
    let wait = 0;
    try {
      const answer = await this.ask(wanted.name, wanted.track);
      if (wanted === this.#wanted) this.#show(answer);
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      if (wanted === this.#wanted) this.#show(null);
      wait = problem.wait;
    } finally {
      this.#asking = false;
    }
    const again = wait || wanted !== this.#wanted;
    if (again && this.#wanted) this.#timer = setTimeout(() => this.#next(), Math.max(DELAY, wait * 1000));
  }

  #show(answer) {
    this.#answer = answer;
    this.say();
  }

  // Writes the texts again: fate() has changed, or the language.
  say() {
    const answer = this.#answer;
    this.region.hidden = !answer;
    const found = answer?.matches ? `${t("add.preview", { n: answer.matches })} ${this.fate()}` : t("add.previewNone");
    setText(this.summary, answer ? found : "");
    this.warnings.replaceChildren(...(answer?.warnings ?? []).map((line) => element("li", "", said(line).text)));
    this.posts.replaceChildren(...(answer?.posts ?? []).map((post) => element("li", "", String(post.text ?? ""))));
  }
}
