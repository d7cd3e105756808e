// Builds the element of one post. What others wrote goes in as text nodes alone, and only http and https
// become links.

import { exactTime, labelText, labelTone, network, percent, relativeTime } from "./format.js";

// Marks that turn the direction of writing are no part of a link: they could make it look like another.
const LINK = /https?:\/\/[^\s<>"\u0000-\u001f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gi;
const LONG = 1200;
const LONG_LINES = 14;

const string = (value) => (typeof value === "string" ? value : "");

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

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

// Where a sentence goes on after the link, its mark is not part of it; a bracket that was opened inside is.
function withoutTail(found) {
  let end = found.length;
  while (end && /[.,;:!?'"“”‘’)\]}*_~]/.test(found[end - 1])) {
    if (found[end - 1] === ")" && found.slice(0, end).split("(").length >= found.slice(0, end).split(")").length) break;
    end -= 1;
  }
  return found.slice(0, end);
}

export function linked(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    if (match[0].includes("…")) continue; // cut short by its network: it would lead nowhere
    const shown = withoutTail(match[0]);
    const href = webAddress(shown);
    if (!href) continue;
    parts.push(text.slice(from, match.index), outside(href, "", shown));
    from = match.index + shown.length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

function timeOf(post) {
  const ms = [post.created_at, post.received_at].map((t) => Date.parse(string(t))).find((t) => !Number.isNaN(t));
  if (ms === undefined) return "";
  const time = element("time", "", relativeTime(ms, Date.now()));
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
  const label = string(post.label);
  if (!label) return "";
  const badge = element("span", "badge", labelDot(label), labelText(label));
  badge.dataset.tone = labelTone(label);
  if (typeof post.score === "number") {
    badge.append(" ", element("span", "score", percent(post.score)));
    badge.title = `Label ${label}, score ${post.score}`;
  }
  return badge;
}

function textOf(post) {
  const text = string(post.text);
  const block = element("p", "text", ...linked(text));
  block.dir = "auto";
  const lang = string(post.lang);
  if (/^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i.test(lang) && lang !== "und") block.lang = lang;
  if (text.length <= LONG && text.split("\n", LONG_LINES + 1).length <= LONG_LINES) return [block];
  block.classList.add("cut");
  const more = element("button", "button small", "Show all of it");
  more.type = "button";
  more.ariaExpanded = "false";
  more.addEventListener("click", () => {
    const cut = block.classList.toggle("cut");
    more.ariaExpanded = String(!cut);
    more.textContent = cut ? "Show all of it" : "Show less";
  });
  return [block, more];
}

export function postElement(post) {
  const author = element("span", "author", string(post.author) || "Unknown author");
  author.dir = "auto";
  const head = element("div", "post-head", author, element("span", "network", network(string(post.source))), timeOf(post));
  const url = webAddress(string(post.url));
  if (url) {
    const link = outside(url, "original", "Original");
    link.title = "Opens the original post in a new tab";
    head.append(link);
  }
  const article = element("article", "", head, ...textOf(post), element("div", "post-foot", badgeOf(post)));
  const item = element("li", "post", article);
  item.dataset.id = string(post.id);
  return item;
}

export function gapElement(gap) {
  const item = element("li", "gap", element("span", "", "Posts are missing here"));
  const [from, to] = [gap.from, gap.to].map((end) => (end === undefined || end === null ? "" : String(end)));
  if (from || to) item.title = `From ${from || "?"} to ${to || "?"}`;
  return item;
}

export function refreshTimes(root, now) {
  for (const time of root.querySelectorAll("time")) {
    const text = relativeTime(Date.parse(time.dateTime), now);
    if (time.textContent !== text) time.textContent = text;
  }
}
