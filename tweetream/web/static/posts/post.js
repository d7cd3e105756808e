// @ts-check
// Builds the element of one post. Texts from outside become text nodes only, and only http and https become links.
// Buttons carry `data-act`; the list around them listens for all of them.

import { button, element } from "../lib/elements.js";
import { exactTime, labelText, labelTone, network, number, percent, relativeTime, UNSURE } from "../words/format.js";
import { t } from "../words/words.js";

// Characters that change the direction of writing end a link: they could make it look like another.
// biome-ignore lint/suspicious/noControlCharactersInRegex: a control character ends a link
const LINK = /https?:\/\/[^\s<>"\u0000-\u001f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gi;
const LONG = 1200;
const LONG_LINES = 14;
const MOST_LINKS = 100; // of a post, as the marks: a post can hold thousands, and 200 posts can be in the document
const MOST_MARKS = 300;

const string = (value) => (typeof value === "string" ? value : "");

function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : "";
  } catch {
    return "";
  }
}

function outside(href, className, ...children) {
  const link = element("a", className, ...children);
  link.href = href;
  link.rel = "noopener noreferrer";
  link.target = "_blank";
  return link;
}

// Punctuation after a link is not part of it; a closing bracket is, if it was opened inside.
function withoutTail(found) {
  const count = (bracket) => found.split(bracket).length - 1;
  let [end, over] = [found.length, count(")") - count("(")]; // counted once, since a post can consist of brackets
  while (end && /[.,;:!?'"“”‘’)\]}*_~]/.test(found[end - 1])) {
    if (found[end - 1] === ")" && --over < 0) break;
    end -= 1;
  }
  return found.slice(0, end);
}

function linksOf(text) {
  const found = [];
  for (const match of text.matchAll(LINK)) {
    if (found.length === MOST_LINKS) break;
    if (match[0].includes("…")) continue; // shortened by its network: it would lead nowhere
    const shown = withoutTail(match[0]);
    const href = webAddress(shown);
    if (href) found.push({ start: match.index, end: match.index + shown.length, made: () => outside(href, "", shown) });
  }
  return found;
}

// The text with its links, and with marks for the ranges [[start, end], …] outside them.
export function pieces(text, ranges) {
  const links = linksOf(text);
  const marks = ranges.slice(0, MOST_MARKS)
    .filter(([start, end]) => !links.some((link) => start < link.end && end > link.start))
    .map(([start, end]) => ({ start, end, made: () => element("mark", "", text.slice(start, end)) }));
  const parts = [];
  let from = 0;
  for (const { start, end, made } of [...links, ...marks].sort((a, b) => a.start - b.start)) {
    parts.push(text.slice(from, start), made());
    from = end;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

export function timeOf(post, now) {
  const [ms, received] = [post.created_at, post.received_at].map((at) => Date.parse(string(at)));
  if (Number.isNaN(ms)) {
    const unknown = element("span", "time-unknown", t("post.timeUnknown"));
    if (!Number.isNaN(received)) unknown.title = t("post.timeUnknownTitle", { time: exactTime(received) });
    return unknown;
  }
  const time = element("time", "", relativeTime(ms, now));
  time.dateTime = new Date(ms).toISOString();
  time.title = exactTime(ms);
  return time;
}

export function labelDot(label) {
  const dot = element("span", "label-dot");
  dot.dataset.tone = labelTone(label);
  dot.ariaHidden = "true";
  return dot;
}

function badgeOf(post) {
  const label = post.label === null ? UNSURE : string(post.label);
  if (!label) return "";
  const badge = element("span", "badge", labelDot(label), labelText(label));
  badge.dataset.tone = labelTone(label);
  if (typeof post.score === "number") {
    badge.append(" ", element("span", "score", percent(post.score)));
    badge.title = t("post.label", { label: labelText(label), score: number(post.score, { maximumFractionDigits: 4 }) });
  }
  return badge;
}

export const topicChips = (topics) => topics.map((name) => element("span", "chip topic-chip", name));

export function toggleText(item) {
  const cut = item.querySelector(".text").classList.toggle("cut");
  const more = item.querySelector('[data-act="more"]');
  more.ariaExpanded = String(!cut);
  more.textContent = t(cut ? "post.more" : "post.less");
  return !cut;
}

function textOf(post, marker) {
  const text = string(post.text);
  const block = element("p", "text", ...pieces(text, marker?.ranges(text) ?? []));
  block.dir = "auto";
  const lang = string(post.lang);
  if (/^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i.test(lang) && lang !== "und") block.lang = lang;
  if (text.length <= LONG && text.split("\n", LONG_LINES + 1).length <= LONG_LINES) return [block];
  block.classList.add("cut");
  const more = button("button small", t("post.more"), "more");
  more.ariaExpanded = "false";
  return [block, more];
}

// `topics` are shown when several are followed; `actions`, [{act, text(post)}], are buttons below the post.
export function postElement(post, { topics = [], marker = null, actions = [], now = Date.now() } = {}) {
  const author = element("span", "author", string(post.author) || t("post.unknownAuthor"));
  author.dir = "auto";
  const head = element("div", "post-head", author, element("span", "network", network(string(post.source))), timeOf(post, now));
  const url = webAddress(string(post.url));
  if (url) {
    const link = outside(url, "original", t("post.original"));
    link.title = t("post.originalTitle");
    head.append(link);
  }
  const chips = element("span", "topic-chips", ...topicChips(topics));
  const acts = actions.map(({ act, text }) => button("button small act", text(post), act));
  const foot = element("div", "post-foot", badgeOf(post), chips, element("span", "acts", ...acts));
  const article = element("article", "post-body", head, ...textOf(post, marker), foot);
  article.tabIndex = -1; // j and k go from one to the next
  const item = element("li", "post", article);
  item.dataset.id = string(post.id);
  return item;
}

export function gapElement(gap) {
  const item = element("li", "gap", element("span", "", t("post.gap")));
  const [from, to] = [gap.from, gap.to].map((end) => (end === undefined || end === null ? "" : String(end)));
  if (from || to) item.title = t("post.gapTitle", { from: from || "?", to: to || "?" });
  return item;
}

export function refreshTimes(root, now) {
  for (const time of root.querySelectorAll("time")) {
    const text = relativeTime(Date.parse(time.dateTime), now);
    if (time.textContent !== text) time.textContent = text;
  }
}
