// @ts-check
// Reads and writes the address of the page. Knows no DOM.
//
// One column: /?label=traffic&min_score=0.8&q=tol#jakarta,bandung. Several stand in the fragment, each with its own
// filter: /#jakarta?label=traffic;hujan,banjir?q=-lucu; the query's filter is for those without one. `view=wall` is the
// wall, and `turn=20` shows one column at a time there, for 20 seconds; `theme=dark` or `theme=light` gives its colours.

import { at } from "./root.js";

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const MOST = 20; // topics of one stream
export const MOST_COLUMNS = 8;

/**
 * @typedef {{labels: string[], minScore: number, text: string}} Filter
 * @typedef {{topics: string[], filter: Filter}} ColumnPlan
 * @typedef {{wall: boolean, turn: number, theme?: string, columns: ColumnPlan[]}} View
 */

export const isName = (text) => NAME.test(text);

/** @returns {Filter} */
export const noFilter = () => ({ labels: [], minScore: 0, text: "" });

/** @param {Filter} filter */
export const isActive = ({ labels, minScore, text }) => Boolean(labels.length || minScore || text);

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a bad escape is shown unchanged
  }
}

// The topics of a fragment, each once. A bad name stays in the list, and is shown as a topic that does not exist.
export function topicsOf(hash) {
  const text = unescaped(hash.replace(/^#/, ""));
  return [...new Set(text.split(",").map((name) => name.trim()).filter(Boolean))].slice(0, MOST);
}

/** @param {string} search @returns {Filter} */
export function filterOf(search) {
  const query = new URLSearchParams(search);
  const score = Number(query.get("min_score") ?? 0);
  return {
    labels: [...new Set(query.getAll("label").map((label) => label.slice(0, 100)).filter(Boolean))].slice(0, MOST),
    minScore: score >= 0 && score <= 1 ? Math.round(score * 100) / 100 : 0,
    text: (query.get("q") ?? "").slice(0, 200),
  };
}

/** @param {{search: string, hash: string}} address @returns {View} */
export function viewOf({ search, hash }) {
  const query = new URLSearchParams(search);
  const wall = query.get("view") === "wall";
  const turn = Number(query.get("turn") ?? 0);
  const theme = query.get("theme") ?? "";
  const parts = hash.replace(/^#/, "").split(";").slice(0, MOST_COLUMNS);
  const columns = parts.map((part) => {
    const from = part.indexOf("?");
    const own = from < 0 ? "" : part.slice(from);
    return { topics: topicsOf(from < 0 ? part : part.slice(0, from)), filter: filterOf(own || search) };
  });
  const chosen = columns.filter(({ topics }) => topics.length);
  return {
    wall,
    turn: turn >= 3 ? Math.min(turn, 3600) : 0,
    theme: wall && ["light", "dark"].includes(theme) ? theme : "",
    columns: chosen.length ? chosen : columns.slice(0, 1),
  };
}

/**
 * The query of a stream or a page of posts. The browser itself filters by text and by several labels.
 * @param {Filter} filter
 */
export function serverQuery({ labels, minScore }) {
  const query = new URLSearchParams();
  if (labels.length === 1) query.set("label", labels[0]);
  if (minScore) query.set("min_score", String(minScore));
  return query.toString();
}

/** @param {Filter} filter @returns {[string, string][]} */
const filterPairs = ({ labels, minScore, text }) => [
  ...labels.map((label) => /** @type {[string, string]} */ (["label", label])),
  ...(minScore ? [/** @type {[string, string]} */ (["min_score", String(minScore)])] : []),
  ...(text ? [/** @type {[string, string]} */ (["q", text])] : []),
];

/** @param {View} view */
export function addressOf({ wall, turn, theme, columns }) {
  const query = new URLSearchParams(wall ? { view: "wall", ...(turn && { turn: String(turn) }), ...(theme && { theme }) } : {});
  const one = columns.length === 1;
  if (one) for (const [key, value] of filterPairs(columns[0].filter)) query.append(key, value);
  const parts = columns.map(({ topics, filter }) => {
    const own = new URLSearchParams(one ? [] : filterPairs(filter)).toString();
    return topics.join(",") + (own && `?${own}`);
  });
  const search = query.toString();
  return at(`/${search && `?${search}`}#${parts.join(";")}`);
}

// The list with one more topic, or without it.
export const toggled = (topics, name) =>
  topics.includes(name) ? topics.filter((one) => one !== name) : [...topics, name].slice(-MOST);

// Columns without this topic. Of several columns one that has no other topic goes, but not the last one.
/** @param {ColumnPlan[]} plans @param {string} name @returns {ColumnPlan[]} */
export function plansWithout(plans, name) {
  const others = plans.filter(({ topics }) => topics.join() !== name);
  return (others.length ? others : plans.slice(0, 1)).map((plan) =>
    plan.topics.length > 1 ? { ...plan, topics: plan.topics.filter((one) => one !== name) } : plan);
}
