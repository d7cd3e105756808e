// @ts-check
// Says how the feed is: the line with the dot, the button that waits, the words where there is nothing to see.

import { setText } from "../lib/elements.js";
import { number } from "../words/format.js";
import { list, t } from "../words/words.js";
import { STATES } from "./states.js";

export class StateView {
  constructor(document, feed, posts, sources) {
    this.byId = (id) => document.getElementById(id);
    this.feed = feed;
    this.posts = posts;
    this.sources = sources;
    this.gone = []; // topics of several that were deleted meanwhile, or never were
  }

  // What the person sees now: the feed's state, or that something waits.
  get name() {
    const { name } = this.feed.state;
    return name === "live" && this.posts.paused ? "paused" : name;
  }

  show({ chosen, topics, filtered }) {
    const { byId, posts } = this;
    byId("state").dataset.state = this.name;
    const rule = STATES[this.feed.state.name];
    byId("posts").classList.toggle("over", Boolean(rule.over));
    setText(byId("state-text"), t(this.name === "paused" ? "state.paused" : rule.text));
    byId("try-now").hidden = !rule.tryNow;
    const gone = chosen.length > 1 ? this.gone : [];
    byId("gone").hidden = !gone.length;
    setText(byId("gone"), gone.length ? t("feed.gone", { names: list(gone) }) : "");
    this.#pause();
    this.#end();
    const text = posts.empty && !posts.loading ? this.#emptyText(chosen, topics, filtered) : "";
    byId("empty").hidden = !text;
    setText(byId("empty"), text);
    this.tick();
  }

  tick() {
    const { name, until } = this.feed.state;
    const left = STATES[name].tryNow ? Math.max(1, Math.ceil((until - Date.now()) / 1000)) : 0;
    setText(this.byId("state-count"), left ? t("state.in", { n: left }) : "");
  }

  #pause() {
    const { byId, posts } = this;
    const pause = byId("pause");
    pause.hidden = !posts.paused && posts.empty;
    const words = posts.waiting ? t("feed.resumeNew", { n: posts.waiting }) : t("feed.resume");
    setText(pause, posts.paused ? words : t("feed.pause"));
    const newest = byId("newest");
    newest.hidden = posts.paused || !posts.held || !(posts.waiting || posts.overflowing);
    setText(newest, posts.waiting ? t("feed.new", { n: posts.waiting }) : t("feed.toNewest"));
  }

  #end() {
    const { byId, posts } = this;
    const failed = posts.failed !== null;
    const text = posts.loading ? t("feed.loading") : failed ? t("feed.olderFailed", { reason: posts.failed.message })
      : posts.ended && !posts.empty ? t("feed.end") : "";
    setText(byId("posts-end"), text);
    byId("posts-more").hidden = !posts.tired;
    setText(byId("posts-more"), t(failed ? "feed.tryNow" : "feed.lookBack"));
  }

  #emptyText(chosen, topics, filtered) {
    const state = this.feed.state.name;
    if (!chosen.length && topics === null) return "";
    if (!chosen.length) return t(topics.length ? "feed.choose" : "feed.noTopic");
    if (state === "missing") return t(topics?.length ? "feed.chooseOrThis" : "feed.addOne");
    if (state === "deleted") return t("feed.chooseOrAdd");
    if (state !== "live") return "";
    if (filtered) return t("feed.emptyFiltered");
    return t(this.sources.silent ? "feed.emptySilent" : "feed.empty");
  }
}

export const waitingText = (problem) => (problem.wait ? ` ${t("topics.againIn", { n: number(problem.wait) })}` : "");
