// @ts-check
// Says how the feed is, on one line with one colour: live, held, catching up, reconnecting, stale. Says too what to do
// where there is nothing to see.

import { setText } from "../lib/elements.js";
import { number } from "../words/format.js";
import { list, t } from "../words/words.js";
import { STATES } from "./states.js";

const GOOD = ["idle", "connecting", "catching", "live"]; // in all others the tab gets a sign before its title
const SOON = 10000; // ms before a list lets go by itself, in which that is said

export class StateView {
  constructor(document, feed, columns, sources) {
    this.byId = (id) => document.getElementById(id);
    this.feed = feed;
    this.columns = columns;
    this.sources = sources;
    this.gone = []; // topics of several that were deleted meanwhile, or never were
  }

  // What the person sees now: the feed's state, or that something waits.
  get name() {
    const { name } = this.feed.state;
    if (name !== "live") return name;
    return this.columns.paused ? "paused" : this.columns.held ? "held" : name;
  }

  // `stored`: whether the server has an archive, or null.
  show({ topics, stored }) {
    const { byId, columns } = this;
    byId("state").dataset.state = this.name;
    const rule = STATES[this.feed.state.name];
    setText(byId("state-text"), t(this.name === "paused" ? "state.paused" : this.name === "held" ? "state.held" : rule.text));
    byId("try-now").hidden = !rule.tryNow;
    const gone = columns.topics.length > 1 ? this.gone : [];
    byId("gone").hidden = !gone.length;
    setText(byId("gone"), gone.length ? t("feed.gone", { names: list(gone) }) : "");
    const sign = GOOD.includes(this.feed.state.name) ? "" : "⚠ ";
    document.title = sign + [columns.topics.join(", "), "Tweetream"].filter(Boolean).join(" · ");
    this.#pause();
    const one = columns.all.length === 1;
    for (const column of columns.all) {
      const words = this.#emptyText(column, topics);
      column.show({ one, current: column === columns.current, words, over: Boolean(rule.over), stored: stored === true });
    }
    this.tick();
  }

  tick() {
    const { name, until } = this.feed.state;
    const left = STATES[name].tryNow ? Math.max(1, Math.ceil((until - Date.now()) / 1000)) : 0;
    const free = this.columns.freeAt - performance.now();
    const soon = this.name === "held" && free < SOON ? t("state.goesOn", { n: Math.max(1, Math.ceil(free / 1000)) }) : "";
    const { all } = this.columns;
    const latest = name === "live" && all.length === 1 ? all[0].latestText : "";
    setText(this.byId("state-count"), left ? t("state.in", { n: left }) : soon || latest);
  }

  #pause() {
    const { byId, columns } = this;
    const { waiting, paused } = columns;
    const words = paused ? (waiting ? t("feed.resumeNew", { n: waiting }) : t("feed.resume")) : t("feed.pause");
    for (const id of ["pause", "bar-pause"]) setText(byId(id), words);
    byId("pause").hidden = !paused && columns.all.every(({ posts }) => posts.empty);
    const newest = byId("newest");
    newest.hidden = paused || !columns.held;
    setText(newest, waiting ? t("feed.new", { n: waiting }) : t("feed.toNewest"));
  }

  #emptyText({ topics: chosen, filter }, topics) {
    const state = this.feed.state.name;
    if (!chosen.length) return topics === null ? "" : t(topics.length ? "feed.choose" : "feed.noTopic");
    if (state === "missing") return t(topics?.length ? "feed.chooseOrThis" : "feed.addOne");
    if (state === "deleted") return t("feed.chooseOrAdd");
    if (state !== "live") return "";
    if (filter.labels.length || filter.minScore || filter.text) return t("feed.emptyFiltered");
    return t(this.sources.silent ? "feed.emptySilent" : "feed.empty");
  }
}

export const waitingText = (problem) => (problem.wait ? ` ${t("topics.againIn", { n: number(problem.wait) })}` : "");
