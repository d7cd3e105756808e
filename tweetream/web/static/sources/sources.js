// @ts-check
// The sources in words, a line each: state, reason and time of the next try. Quiet when all is well.

import { element, setText } from "../lib/elements.js";
import { Poll } from "../server/poll.js";
import { network, relativeTime } from "../words/format.js";
import { onLanguage, t, translate } from "../words/words.js";

const REFRESH = 4000;

// "Bluesky", "Mastodon mas.to", "Replay posts.csv": a name that tells a source from the others.
export function sourceName(url) {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):(.*)$/i.exec(url) ?? [null, "", url];
  const place = rest.replace(/^\/\//, "").replace(/[?#].*$/, "");
  if (!scheme) return url;
  const own = scheme === "replay" ? (place.split("/").filter(Boolean).at(-1) ?? "") : place.replace(/\/+$/, "");
  return [network(scheme.toLowerCase()), own].filter(Boolean).join(" ");
}

// Without its full stop, since our sentence goes on.
const reasonOf = (source) => String(source.reason ?? "").trim().replace(/[.\s]+$/, "");

// The words for a source at a time; `alert`: somebody should look at it.
export function sourceWords(source, now) {
  const reason = reasonOf(source);
  const because = reason ? `: ${reason}` : "";
  const left = Math.ceil((Date.parse(source.retry_at ?? "") - now) / 1000);
  switch (source.state) {
    case "streaming": {
      const last = Date.parse(source.last_post_at ?? "");
      const rate = source.posts_per_minute ?? 0;
      const flowing = rate >= 0.5 ? t("sources.perMinute", { n: Math.round(rate) }) : t("sources.quiet");
      if (Number.isNaN(last)) return { text: t("sources.nothingYet"), alert: false };
      return { text: t("sources.streaming", { flowing, last: relativeTime(last, now) }), alert: false };
    }
    case "connecting":
      return { text: reason ? t("sources.tryingAgain", { reason }) : t("sources.connecting"), alert: false };
    case "backing-off": {
      const when = left > 0 ? t("sources.againIn", { n: left }) : t("sources.againNow");
      return { text: t("sources.backingOff", { because, when }), alert: true };
    }
    case "refused":
      return { text: t("sources.refused", { because }), alert: true };
    case "ended": {
      const n = source.posts ?? 0;
      const dropped = reason.replace(/^ended: [\d,]+ posts(, )?/, ""); // what was left out, by reason
      return { text: t("sources.ended", { n }) + (dropped ? ` (${dropped})` : ""), alert: n === 0 && dropped !== "" };
    }
    default:
      return { text: `${source.state}${because}`, alert: false };
  }
}

function detail(source) {
  const reconnects = source.reconnects ? ` · ${t("sources.reconnects", { n: source.reconnects })}` : "";
  return `${source.url}\n${t("sources.posts", { n: source.posts ?? 0 })}${reconnects}`;
}

export class Sources {
  #sources = null; // null: not known yet
  #fault = "";
  #alerts = "";

  // told(addresses) is called with the addresses of the sources.
  constructor(section, api, told = (_addresses) => {}) {
    this.api = api;
    this.told = told;
    const title = element("h2");
    title.id = "sources-title";
    title.dataset.t = "sources.title";
    this.note = element("p", "note");
    this.note.id = "sources-note";
    this.list = element("ul", "sources");
    this.list.id = "sources-list";
    this.heard = element("p", "only-heard"); // new faults, for screen readers; not each second of the countdown
    this.heard.role = "status";
    section.setAttribute("aria-labelledby", "sources-title");
    section.append(title, this.note, this.list, this.heard);
    translate(section);
    this.section = section;
    this.#show();
    onLanguage(() => this.#show());
    this.poll = new Poll(() => this.#ask(), REFRESH);
    this.poll.start();
    setInterval(() => document.hidden || this.#show(), 1000);
  }

  // Whether no post can come now, from any source.
  get silent() {
    return this.#sources?.every(({ state }) => ["backing-off", "refused", "ended"].includes(state)) ?? false;
  }

  async #ask() {
    try {
      this.#sources = await this.api.sources();
      this.told(this.#sources.map(({ url }) => url));
      this.#fault = "";
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      if (problem.status === 404) return this.#absent();
      this.#fault = problem.message;
    }
    this.#show();
  }

  // An older worker of the group knows no sources; then nothing is shown, rather than something wrong.
  #absent() {
    this.#sources = null;
    this.section.hidden = true;
  }

  #show() {
    const sources = this.#sources ?? [];
    this.section.hidden = this.#sources === null && !this.#fault;
    this.list.classList.toggle("old", Boolean(this.#fault));
    setText(this.note, this.#fault ? t("sources.old", { reason: this.#fault }) : sources.length ? "" : t("sources.none"));
    this.note.hidden = !this.note.textContent;
    while (this.list.childElementCount > sources.length) this.list.lastElementChild.remove();
    while (this.list.childElementCount < sources.length) this.list.append(this.#row());
    const now = Date.now() + this.api.clockOffset; // times in answers are the server's
    const alerts = sources.map((source, at) => this.#fill(this.list.children[at], source, now)).filter(Boolean);
    const heard = alerts.map(({ name, source }) => `${name}: ${t(`sources.heard.${source.state}`)}`).join(". ");
    if (heard !== this.#alerts) setText(this.heard, heard);
    this.#alerts = heard;
  }

  #row() {
    const dot = element("span", "source-dot");
    dot.ariaHidden = "true";
    return element("li", "", dot, element("span", "source-name"), element("span", "source-words"));
  }

  #fill(row, source, now) {
    const { text, alert } = sourceWords(source, now);
    const name = sourceName(source.url);
    row.dataset.source = source.url;
    row.dataset.sourceState = source.state;
    row.title = detail(source);
    setText(row.querySelector(".source-name"), name);
    setText(row.querySelector(".source-words"), text);
    return alert ? { name, source } : null;
  }
}
