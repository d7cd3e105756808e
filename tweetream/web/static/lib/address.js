// @ts-check
// Reads and writes the address of the page: /?label=traffic&min_score=0.8&q=tol#jakarta,bandung. Knows no DOM.

import { at } from "./root.js";

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const MOST = 20; // topics of one stream

export const isName = (text) => NAME.test(text);

// The topics of a fragment, each once. A bad name stays in the list, and is shown as a topic that does not exist.
export function topicsOf(hash) {
  let text = hash.replace(/^#/, "");
  try {
    text = decodeURIComponent(text);
  } catch {
    // a bad escape is shown unchanged
  }
  return [...new Set(text.split(",").map((name) => name.trim()).filter(Boolean))].slice(0, MOST);
}

/**
 * @typedef {{label: string, minScore: number, text: string}} Filter
 * @param {string} search
 * @returns {Filter}
 */
export function filterOf(search) {
  const query = new URLSearchParams(search);
  const score = Number(query.get("min_score") ?? 0);
  return {
    label: (query.get("label") ?? "").slice(0, 100),
    minScore: score >= 0 && score <= 1 ? Math.round(score * 100) / 100 : 0,
    text: (query.get("q") ?? "").slice(0, 200),
  };
}

/**
 * The query of a stream or a page of posts; the browser itself filters by text.
 * @param {Pick<Filter, "label" | "minScore">} filter
 */
export function serverQuery({ label, minScore }) {
  const query = new URLSearchParams();
  if (label) query.set("label", label);
  if (minScore) query.set("min_score", String(minScore));
  return query.toString();
}

/** @param {string[]} topics @param {Filter} filter */
export function addressOf(topics, filter) {
  const query = new URLSearchParams(serverQuery(filter));
  if (filter.text) query.set("q", filter.text);
  const search = query.toString();
  return at(`/${search && `?${search}`}#${topics.join(",")}`);
}

// The list with one more topic, or without it.
export const toggled = (topics, name) =>
  topics.includes(name) ? topics.filter((one) => one !== name) : [...topics, name].slice(-MOST);
