// @ts-check
// "Why this label?": asks the server which words decided, and says it in the post itself: one sentence, the words marked in
// the text, what abbreviations were read as, and all weights under "Details". The answer is that of the current model; if
// its label differs from the post's, that is said.

import { button, element } from "../lib/elements.js";
import { labelText, UNSURE } from "../words/format.js";
import { list, number, onLanguage, t } from "../words/words.js";
import { labelOf, markText } from "./post.js";
import { placesOf } from "./reasons.js";

const MOST_WORDS = 12;
const NAMED = 3; // words in the sentence
const WEAK = 0.4; // of the strongest word's weight; weaker words are not marked
const MOST_READINGS = 12;
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

// The words of a text that speak most for the label, as they are written there.
export function strongest(places) {
  const sums = new Map();
  for (const { text, weight } of places) sums.set(text.toLowerCase(), (sums.get(text.toLowerCase()) ?? 0) + weight);
  const most = Math.max(...sums.values(), 0);
  const strong = [...sums].filter(([, weight]) => weight > 0 && weight >= most * WEAK);
  return strong.sort(([, a], [, b]) => b - a).slice(0, NAMED).map(([word]) => word);
}

const HOLE = "\u0000";

// A text with one hole, and words in italics there.
function withWords(key, values, words) {
  const names = list(words.map((_, nth) => `${HOLE}${nth}${HOLE}`));
  const parts = t(key, { ...values, words: names }).split(HOLE);
  return element("p", "why-said", ...parts.map((part, nth) => (nth % 2 ? element("em", "", words[Number(part)]) : part)));
}

export class Why {
  #asked = 0; // an answer to an earlier question is ignored
  #say = null; // () => …, to say it anew in another language
  #at = /** @type {{item: HTMLElement, post: Record<string, unknown>, opener: HTMLElement} | null} */ (null);

  // api.why(text) resolves to the explanation; `ranges(text)` are the marks of a text without it.
  constructor(api, ranges) {
    this.api = api;
    this.ranges = ranges;
    this.panel = element("div", "why");
    this.panel.id = "why";
    this.panel.role = "status";
    onLanguage(() => this.#at?.item.isConnected && this.#say?.());
  }

  // Opens the panel in a post, or closes it there.
  async toggle(item, post, opener) {
    const there = this.#at?.item === item && this.panel.isConnected;
    this.close();
    if (there) return;
    this.#at = { item, post, opener };
    opener.ariaExpanded = "true";
    item.querySelector(".what").append(this.panel);
    await this.#ask();
  }

  // Whether it was open.
  close() {
    this.#asked += 1;
    const at = this.#at;
    this.#at = this.#say = null;
    this.panel.remove();
    if (!at?.item.isConnected) return false;
    at.opener.ariaExpanded = "false";
    markText(at.item, at.post, this.ranges(String(at.post.text ?? ""), at.item));
    if (!at.item.contains(document.activeElement)) at.opener.focus({ preventScroll: true });
    return true;
  }

  async #ask() {
    this.#asked += 1;
    const turn = this.#asked;
    this.#show(() => this.panel.replaceChildren(element("p", "note", t("why.asking"))));
    try {
      const answer = await this.api.why(String(this.#at.post.text ?? ""));
      if (turn === this.#asked) this.#show(() => this.#answer(answer));
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      if (turn === this.#asked) this.#show(() => this.#failed(problem));
    }
  }

  #show(say) {
    this.#say = say;
    say();
  }

  #failed(problem) {
    const again = button("button small", t("why.again"));
    again.addEventListener("click", () => this.#ask());
    this.panel.replaceChildren(element("p", "error", t("why.failed", { reason: problem.message })), again);
  }

  #answer(answer) {
    const { item, post } = this.#at;
    const [given, was, text] = [answer.label ?? UNSURE, labelOf(post), String(post.text ?? "")];
    const places = placesOf(text, answer.words);
    const most = Math.max(...places.map(({ weight }) => Math.abs(weight)), 1e-9);
    const strong = places.filter(({ weight }) => Math.abs(weight) >= most * WEAK);
    markText(item, post, strong.map(({ start, end, weight }) => /** @type {any} */ ([start, end, weight < 0 ? "against" : "for"])));
    const open = this.panel.querySelector("details")?.open ?? false;
    const parts = [this.#sentence(answer, given, strongest(places))];
    if (given !== was) {
      const other = element("p", "why-other", t("why.otherNow", { now: labelText(given), was: labelText(was) }));
      other.dataset.otherNow = given;
      parts.unshift(other);
    }
    const readings = new Map(places.filter(({ read }) => read).map((place) => [place.text.toLowerCase(), place.read]));
    const said = [...readings].slice(0, MOST_READINGS).map(([from, to]) => `${from} → ${to}`);
    if (said.length) parts.push(element("p", "why-read", t("why.read", { words: said.join(", ") })));
    const details = element("details", "why-details", element("summary", "", t("why.details")), ...this.#sums(answer, given));
    details.open = open;
    this.panel.replaceChildren(...parts, details);
  }

  #sentence(answer, given, words) {
    const values = { label: labelText(given), score: percent(answer.score ?? 0) };
    if (given === UNSURE) return element("p", "why-said", t("why.unsure"));
    return words.length ? withWords("why.mostly", values, words) : element("p", "why-said", t("why.score", values));
  }

  #sums(answer, given) {
    const rows = weighed(answer);
    const longest = Math.max(...rows.map(({ weight }) => Math.abs(weight)), 1e-9);
    const now = labelText(given);
    const all = element("ul", "why-rows", ...rows.map((row) => rowElement(row, longest)));
    all.id = "why-rows";
    all.ariaLabel = t("why.rows", { label: now });
    const ends = element("p", "why-ends", element("span", "", t("why.against")), element("span", "", t("why.for")));
    ends.ariaHidden = "true";
    // the shown numbers must add up too, so the words take the rounding error
    const [bias, decision] = [rounded(answer.bias), rounded(answer.decision)];
    const saidSum = element("p", "why-sum", t("why.sum", { words: signed(decision - bias), bias: signed(bias), decision: signed(decision) }));
    saidSum.id = "why-sum";
    const hint = element("p", "hint", t(answer.words.length ? "why.hint" : "why.noWords", { label: now }));
    return [ends, all, saidSum, hint];
  }
}
