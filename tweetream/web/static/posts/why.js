// @ts-check
// "Why this label?": asks the server which words decided, and shows them for and against in a dialog. The answer is that
// of the current model; if its label differs from the post's, the dialog says so.

import { element } from "../lib/elements.js";
import { labelText, UNSURE } from "../words/format.js";
import { number, onLanguage, t, translate } from "../words/words.js";

const MOST_WORDS = 12;
const SIGNED = { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" };
const signed = (weight) => number(weight, SIGNED).replace("-", "\u2212");
const rounded = (weight) => Math.round(weight * 100) / 100;

function percent(score) {
  const shown = (part) => number(part, { style: "percent", maximumFractionDigits: 1 });
  return score < 1 && score > 0.999 ? t("score.over", { percent: shown(0.999) }) : shown(score);
}

// Rows to show, strongest first. A word that comes twice has one row; the weak words share one.
export function weighed({ words, bias }) {
  const sums = new Map();
  for (const [word, weight] of words) sums.set(word, (sums.get(word) ?? 0) + weight);
  const ordered = [...sums].sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  const rest = ordered.splice(MOST_WORDS);
  /** @type {{word?: string, others?: number, bias?: boolean, weight: number}[]} */
  const rows = ordered.map(([word, weight]) => ({ word, weight }));
  if (rest.length) rows.push({ others: rest.length, weight: rest.reduce((sum, [, weight]) => sum + weight, 0) });
  return [...rows, { bias: true, weight: bias }];
}

function nameOf(row) {
  if (row.bias) return t("why.bias");
  if (row.others) return t("why.others", { n: row.others });
  return row.word;
}

function rowElement(row, longest) {
  const bar = element("span", "why-bar");
  bar.dataset.side = row.weight < 0 ? "against" : "for";
  bar.style.inlineSize = `${((Math.abs(row.weight) / longest) * 50).toFixed(1)}%`;
  const line = element("span", "why-line", bar);
  line.ariaHidden = "true";
  const word = element("span", "why-word", nameOf(row));
  if (row.word) word.dir = "auto";
  else word.classList.add("why-own");
  const side = row.weight < 0 ? t("why.against") : t("why.for");
  const weight = element("span", "why-weight", signed(row.weight), element("span", "only-heard", ` ${side}`));
  const item = element("li", "", word, line, weight);
  item.dataset.weight = String(row.weight);
  return item;
}

export class Why {
  #asked = 0; // an answer to an earlier question is ignored
  #shown = null; // () => …, to say it anew in another language
  #opener = null;

  // api.why(text) resolves to the explanation.
  constructor(document, api) {
    this.api = api;
    this.title = element("h2");
    this.title.id = "why-title";
    this.title.tabIndex = -1;
    this.body = element("div", "why-body");
    this.body.id = "why-body";
    this.body.setAttribute("aria-live", "polite");
    this.quote = element("blockquote", "why-quote");
    this.quote.dir = "auto";
    const close = element("button", "button");
    close.type = "button";
    close.id = "why-close";
    close.dataset.t = "close";
    close.addEventListener("click", () => this.dialog.close());
    this.dialog = element("dialog", "dialog why", this.title, this.quote, this.body, element("div", "actions", close));
    this.dialog.id = "why-dialog";
    this.dialog.setAttribute("aria-labelledby", "why-title");
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => this.#closed());
    document.body.append(this.dialog);
    translate(this.dialog);
    onLanguage(() => this.#shown?.());
  }

  // `opener` gets the focus back, or `instead` if it has left the page.
  async open({ text, label, opener, instead }) {
    this.#asked += 1;
    const turn = this.#asked;
    this.#opener = { opener, instead };
    this.quote.textContent = text;
    this.#show(() => this.#say(label, element("p", "note", t("why.asking"))));
    if (!this.dialog.open) this.dialog.showModal();
    this.title.focus();
    try {
      const answer = await this.api.why(text);
      if (turn === this.#asked) this.#show(() => this.#answer(label, answer));
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      if (turn === this.#asked) this.#show(() => this.#failed(label, problem));
    }
  }

  #show(say) {
    this.#shown = say;
    say();
  }

  #say(label, ...parts) {
    this.title.textContent = t("why.title", { label: labelText(label) });
    this.body.replaceChildren(...parts);
  }

  #failed(label, problem) {
    const again = element("button", "button small", t("why.again"));
    again.type = "button";
    const { opener, instead } = this.#opener;
    again.addEventListener("click", () => this.open({ text: this.quote.textContent, label, opener, instead }));
    const words = element("p", "error", t("why.failed", { reason: problem.message }));
    this.#say(label, words, again);
  }

  #answer(label, answer) {
    const rows = weighed(answer);
    const longest = Math.max(...rows.map(({ weight }) => Math.abs(weight)), 1e-9);
    const given = answer.label ?? UNSURE;
    const now = labelText(given);
    const parts = [];
    if (given !== label) {
      const other = element("p", "why-other", t("why.otherNow", { now, was: labelText(label) }));
      other.dataset.otherNow = given;
      parts.push(other);
    }
    const list = element("ul", "why-rows", ...rows.map((row) => rowElement(row, longest)));
    list.id = "why-rows";
    list.ariaLabel = t("why.rows", { label: now });
    const ends = element("p", "why-ends", element("span", "", t("why.against")), element("span", "", t("why.for")));
    ends.ariaHidden = "true";
    // the shown numbers must add up too, so the words take the rounding error
    const [bias, decision] = [rounded(answer.bias), rounded(answer.decision)];
    const sum = { words: signed(decision - bias), bias: signed(bias), decision: signed(decision) };
    const score = given === UNSURE ? t("why.unsure") : t("why.score", { label: now, score: percent(answer.score) });
    const [saidScore, saidSum] = [element("p", "", score), element("p", "why-sum", t("why.sum", sum))];
    saidSum.id = "why-sum";
    parts.push(saidScore, ends, list, saidSum, element("p", "hint", t("why.hint", { label: now })));
    if (!answer.words.length) parts.push(element("p", "hint", t("why.noWords")));
    this.#say(label, ...parts);
  }

  #closed() {
    this.#asked += 1;
    this.#shown = null;
    const { opener, instead } = this.#opener ?? {};
    (opener?.isConnected ? opener : instead)?.focus({ preventScroll: true });
  }
}
