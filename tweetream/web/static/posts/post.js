// @ts-check
// Builds the element of one post: time, author, text and label in columns. Texts from outside become text nodes only, and only http and https become links.
// Buttons carry `data-act`; the list around them listens for all of them.

import { button, element, setText } from "../lib/elements.js";
import { clock, exactTime, labelText, labelTone, network, number, percent, relativeTime, UNSURE } from "../words/format.js";
import { t } from "../words/words.js";

// Characters that change the direction of writing end a link: they could make it look like another.
// biome-ignore lint/suspicious/noControlCharactersInRegex: a control character ends a link
const LINK = /https?:\/\/[^\s<>"\u0000-\u001f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gi;
const LONG = 1200;
const LONG_LINES = 14;
const MOST_LINKS = 100; // of a post, as the marks: a post can hold thousands, and 200 posts can be in the document
const MOST_MARKS = 300;
const SURE = 0.9; // from here on a score says nothing that the label does not

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

// The text with its links, and with marks for the ranges [[start, end, class], …] outside them.
export function pieces(text, ranges) {
  const links = linksOf(text);
  const marks = ranges.slice(0, MOST_MARKS)
    .filter(([start, end]) => !links.some((link) => start < link.end && end > link.start))
    .map(([start, end, kind = ""]) => ({ start, end, made: () => element("mark", kind, text.slice(start, end)) }));
  const parts = [];
  let from = 0;
  for (const { start, end, made } of [...links, ...marks].sort((a, b) => a.start - b.start)) {
    if (start < from) continue; // the first of two marks on the same words counts
    parts.push(text.slice(from, start), made());
    from = end;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

// The time as a clock shows it; how long ago that is, is told by `tellTime`.
export function timeOf(post, now) {
  const [ms, received] = [post.created_at, post.received_at].map((at) => Date.parse(string(at)));
  if (Number.isNaN(ms)) {
    const unknown = element("span", "time-unknown", t("post.timeUnknown"));
    if (!Number.isNaN(received)) unknown.title = t("post.timeUnknownTitle", { time: exactTime(received) });
    return unknown;
  }
  const time = element("time", "", clock(ms, now));
  time.dateTime = new Date(ms).toISOString();
  return time;
}

export function tellTime(time, now) {
  const ms = Date.parse(time.dateTime);
  time.title = `${relativeTime(ms, now)}, ${exactTime(ms)}`;
}

export function labelDot(label) {
  const dot = element("span", "label-dot");
  dot.dataset.tone = labelTone(label);
  dot.ariaHidden = "true";
  return dot;
}

export const labelOf = (post) => (post.label === null ? UNSURE : string(post.label));

// The label is the button that says why.
function badgeOf(post) {
  const label = labelOf(post);
  if (!label) return [];
  const badge = button("badge", labelText(label), "why");
  badge.dataset.tone = labelTone(label);
  badge.ariaExpanded = "false";
  badge.ariaLabel = t("why.ask", { label: labelText(label) });
  badge.title = badge.ariaLabel;
  if (typeof post.score !== "number") return [badge];
  badge.title = t("post.label", { label: labelText(label), score: number(post.score, { maximumFractionDigits: 4 }) });
  return post.score < SURE ? [badge, element("span", "score", percent(post.score))] : [badge];
}

export const topicChips = (topics) => topics.map((name) => element("span", "chip topic-chip", name));

export function toggleText(item) {
  const cut = item.querySelector(".text").classList.toggle("cut");
  const more = item.querySelector('[data-act="more"]');
  more.ariaExpanded = String(!cut);
  more.textContent = t(cut ? "post.more" : "post.less");
  return !cut;
}

function textOf(post, ranges) {
  const text = string(post.text);
  const block = element("p", "text", ...pieces(text, ranges));
  block.dir = "auto";
  const lang = string(post.lang);
  if (/^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i.test(lang) && lang !== "und") block.lang = lang;
  if (text.length <= LONG && text.split("\n", LONG_LINES + 1).length <= LONG_LINES) return [block];
  block.classList.add("cut");
  const more = button("button small", t("post.more"), "more");
  more.ariaExpanded = "false";
  return [block, more];
}

// Writes a post's text anew, with other marks.
export function markText(item, post, ranges) {
  item.querySelector(".text").replaceChildren(...pieces(string(post.text), ranges));
}

// Who wrote it, and where: a link to the original, if it has an address.
function whoOf(post) {
  const author = element("span", "author", string(post.author) || t("post.unknownAuthor"));
  author.dir = "auto";
  author.title = string(post.author);
  const url = webAddress(string(post.url));
  const place = element("span", "network", network(string(post.source)));
  if (!url) return [author, place];
  const link = outside(url, "original", place);
  link.title = t("post.originalTitle");
  return [author, link];
}

// The posts that repeat one, a line each.
export function showSame(item, posts, now) {
  const shown = item.querySelector(".same");
  shown?.remove();
  const opener = item.querySelector('[data-act="same"]');
  opener.ariaExpanded = String(!shown);
  if (shown) return false;
  item.querySelector(".what").append(element("ul", "same"));
  updateSame(item, () => posts, now);
  return true;
}

// Brings the open lines to these posts. Lines that stay are not touched, so that the focus stays in them.
export function updateSame(item, postsOf, now) {
  const shown = item.querySelector(".same");
  if (!shown) return;
  const posts = postsOf();
  posts.forEach((post, n) => {
    const there = shown.children[n];
    if (there?.dataset.of === string(post.id)) return;
    const line = element("li", "", timeOf(post, now), ...whoOf(post));
    line.dataset.of = string(post.id);
    shown.insertBefore(line, there ?? null);
  });
  while (shown.children.length > posts.length) shown.lastChild.remove();
}

// How many posts say the same, and when the last of them was written. Returns whether that is new.
export function sayCount(item, count, last, now) {
  const opener = item.querySelector('[data-act="same"]');
  opener.hidden = count < 2;
  const ms = [last.created_at, last.received_at].map((at) => Date.parse(string(at))).find((one) => !Number.isNaN(one));
  const said = t("post.again", { n: number(count), time: ms === undefined ? "–" : clock(ms, now) });
  const news = opener.textContent !== said;
  setText(opener, said);
  opener.title = t("post.same", { n: count });
  opener.ariaLabel = `${opener.title}, ${said}`;
  return news;
}

/**
 * `topics` are shown where several are followed. Of `count` posts that say the same, this is the first, and `last` the last.
 * @param {Record<string, unknown>} post
 * @param {{topics?: string[], ranges?: number[][], now?: number, count?: number, last?: Record<string, unknown>}} shown
 */
export function postElement(post, { topics = [], ranges = [], now = Date.now(), count = 1, last = post } = {}) {
  const same = button("button small count-same", "", "same");
  same.ariaExpanded = "false";
  const article = element(
    "article", "post-body",
    element("div", "when", timeOf(post, now)),
    element("div", "who", ...whoOf(post)),
    element("div", "what", ...textOf(post, ranges)),
    element("div", "label-place", ...badgeOf(post), same, element("span", "topic-chips", ...topicChips(topics))),
  );
  article.tabIndex = -1; // j and k go from one to the next
  const item = element("li", "post", article);
  item.dataset.id = string(post.id);
  item.dataset.tone = labelTone(labelOf(post));
  item.classList.toggle("unsure", labelOf(post) === UNSURE);
  sayCount(item, count, last, now);
  return item;
}

export function gapElement(gap) {
  const item = element("li", "gap", element("span", "", t("post.gap")));
  const [from, to] = [gap.from, gap.to].map((end) => (end === undefined || end === null ? "" : String(end)));
  if (from || to) item.title = t("post.gapTitle", { from: from || "?", to: to || "?" });
  return item;
}
