// @ts-check
// The charts: posts by label over an hour, a day or a week, share by label and by source. The numbers are the server's
// counts, of longer times those of its archive; so they are right after a reload and on every worker. With a filter by score
// or text they are those of the posts that the page has, and this is said. The table has the same numbers.

import { button, element, setText } from "../lib/elements.js";
import { keep, kept } from "../lib/storage.js";
import { Poll } from "../server/poll.js";
import { labelText, network } from "../words/format.js";
import { list, number, onLanguage, t, time, translate } from "../words/words.js";
import { showBars } from "./bars.js";
import { counted, fitted, ofLabels, summed } from "./counts.js";
import { looks } from "./patterns.js";
import { inBars, SPANS, sinceOf } from "./spans.js";

const OPEN = "charts";
const share = (part) => number(part, { style: "percent", maximumFractionDigits: part < 0.1 ? 1 : 0 });
const name = (label) => (label ? labelText(label) : t("charts.otherLabels"));

function worded(tag, id, key, className = "") {
  const made = element(tag, className);
  if (id) made.id = id;
  if (key) made.dataset.t = key;
  return made;
}

// Open on a wide screen, until the person chooses.
const wasOpen = () => (kept(OPEN) ?? (matchMedia("(min-width: 75rem)").matches ? "open" : "closed")) === "open";

export class Charts {
  #topics = [];
  #filter = { labels: [], minScore: 0, text: "" };
  #counts = null; // null: not known yet
  #chart = null;
  #pointed = null;
  #span = /** @type {import("./spans.js").SpanName} */ (Object.hasOwn(SPANS, kept("span") ?? "") ? kept("span") : "hour");
  #notStored = false; // the server has no archive

  // posts() are those that the page has; until(ms, text) is called with the end of a bar when a person chooses it, and its
  // time in words; label(name) when it is one of a label.
  constructor(section, api, { posts, until, label }) {
    this.api = api;
    this.posts = posts;
    this.until = (ms) => until(ms + this.#step, t("charts.between", { from: this.#text(ms), to: this.#text(ms + this.#step) }));
    this.label = label;
    this.poll = new Poll(() => this.#ask(), SPANS[this.#span].every);
    this.#build(section);
    this.details.open = wasOpen();
    this.details.addEventListener("toggle", () => {
      if (this.details.open !== wasOpen()) keep(OPEN, this.details.open ? "open" : "closed");
      this.#follow();
    });
    onLanguage(() => {
      this.#show();
      this.#chart?.redraw();
    });
  }

  // Sets the topics whose counts are added up, and the filter of what is counted.
  follow(topics, filter) {
    if (topics.join() === this.#topics.join() && JSON.stringify(filter) === JSON.stringify(this.#filter)) return;
    this.#topics = [...topics];
    this.#filter = filter;
    this.#counts = null;
    this.#show();
    this.#follow();
  }

  // Counts again what the page has, when that has changed at once.
  again() {
    if (this.#own) this.poll.now();
  }

  #build(section) {
    const summary = element("summary", "", worded("h2", "charts-title", "charts.title"));
    this.note = worded("p", "charts-note", "", "note");
    this.box = worded("div", "charts-time", "", "charts-time");
    this.box.role = "img";
    this.readout = worded("p", "charts-readout", "", "readout");
    this.readout.ariaHidden = "true";
    this.share = worded("ul", "charts-share", "", "bars");
    this.table = worded("table", "charts-table", "", "numbers");
    const scroll = element("div", "table-frame", this.table);
    scroll.tabIndex = 0; // a keyboard must reach everything that scrolls
    scroll.role = "group";
    scroll.dataset.tLabel = "charts.table";
    const table = element("details", "as-table", worded("summary", "", "charts.table"), scroll);
    table.addEventListener("toggle", () => this.#showTable());
    this.tableDetails = table;
    this.sources = worded("ul", "charts-sources", "", "bars");
    this.bySource = element("div", "", worded("h3", "", "charts.bySource"), this.sources);
    this.shares = element(
      "div", "", worded("h3", "", "charts.share"), this.share, this.bySource, table);
    this.title = worded("h3", "", "");
    this.filled = element("div", "", this.title, this.box, this.readout, worded("p", "", "charts.choose", "hint"), this.shares);
    this.spans = Object.keys(SPANS).map((name) => this.#choice(name));
    const spans = element("div", "spans", ...this.spans);
    spans.role = "group";
    spans.dataset.tLabel = "charts.time";
    this.details = element("details", "charts-details", summary, spans, this.note, this.filled);
    this.details.id = "charts-details";
    section.setAttribute("aria-labelledby", "charts-title");
    section.append(this.details);
    translate(section);
    this.#show();
  }

  // The button of a span.
  #choice(name) {
    const made = button("button small", "");
    made.id = `charts-${name}`;
    made.dataset.t = `charts.${name}`;
    made.addEventListener("click", () => {
      if (name === this.#span) return;
      this.#span = name;
      keep("span", name);
      [this.#counts, this.#notStored, this.poll.delay] = [null, false, SPANS[name].every];
      this.#show();
      this.poll.now();
    });
    return made;
  }

  get #step() {
    return SPANS[this.#span].step;
  }

  #text(ms) {
    const clock = { hour: "2-digit", minute: "2-digit" };
    return time(ms, this.#span === "week" ? { weekday: "short", day: "numeric", ...clock } : clock);
  }

  #follow() {
    if (this.details.open && this.#topics.length) this.poll.start();
    else this.poll.stop();
  }

  // Whether the server cannot count what the filter lets through.
  get #own() {
    return Boolean(this.#filter.minScore || this.#filter.text);
  }

  async #ask() {
    const [topics, span, now] = [this.#topics, this.#span, Date.now() + this.api.clockOffset];
    const { labels } = this.#filter;
    if (this.#own) {
      this.fault = "";
      this.#counts = summed([counted(this.posts(), now, span)]);
      return this.#draw();
    }
    let [fault, notStored] = ["", false];
    const stats = async (topic) => {
      try {
        const rows = await this.api.stats(topic, span === "hour" ? 0 : sinceOf(span, now));
        notStored ||= rows === null;
        return rows ?? [];
      } catch (problem) {
        if (problem.status !== 404) fault ||= t("charts.old", { reason: problem.message });
        return []; // a topic that is gone has no posts
      }
    };
    const counts = await Promise.all(topics.map(stats));
    if (topics !== this.#topics || span !== this.#span) return this.poll.now();
    [this.fault, this.#notStored] = [fault, notStored];
    if (!fault) this.#counts = summed(counts.map((answer) => ofLabels(inBars(answer, span), labels)));
    await this.#draw();
  }

  async #draw() {
    if (this.#counts?.minutes.length) await this.#load();
    this.#show();
  }

  // The chart's code is large, and loaded when the charts are opened. If that fails, bars and table show the same numbers,
  // and the next counts try again.
  async #load() {
    const loaded = this.#chart ? null : await import("./timechart.js").catch(() => null);
    if (!loaded) return;
    const pointed = (ms) => {
      this.#pointed = ms;
      this.#showReadout();
    };
    this.#chart ??= new loaded.TimeChart(this.box, pointed, this.until);
  }

  #show() {
    const { total } = this.#counts ?? {};
    for (const one of this.spans) one.ariaPressed = String(one.id === `charts-${this.#span}`);
    this.filled.hidden = !total; // without posts the note says more than empty axes
    setText(this.note, this.fault || this.#noteText(total));
    this.note.hidden = !this.note.textContent;
    if (this.filled.hidden) return;
    const { series, sources } = this.#counts;
    this.#chart?.show(this.#span === "hour" ? fitted(this.#counts) : this.#counts, this.#step);
    setText(this.title, t(`charts.title.${this.#span}`));
    this.box.ariaLabel = this.#summary();
    const styles = looks(series);
    const bar = (key, said, part) => {
      return { key, name: said, value: `${number(part)} · ${share(part / total)}`, share: part / total };
    };
    const shares = series.map((one, at) => ({ ...bar(one.label, name(one.label), one.total), ...styles[at] }));
    showBars(this.share, shares, (label) => label && this.label(label));
    this.bySource.hidden = !sources.length;
    showBars(this.sources, sources.map((one) => bar(one.source, network(one.source), one.total)));
    this.#showReadout();
    this.#showTable();
  }

  #noteText(total) {
    if (!this.#topics.length) return t("charts.noTopic");
    if (this.#notStored) return t("charts.notStored");
    if (total === undefined) return t("charts.asking");
    if (!total) return t("charts.none", { span: t(`charts.span.${this.#span}`) });
    if (this.#own) return t("charts.own", { n: total });
    const several = this.#topics.length > 1 ? t("charts.several", { topics: list(this.#topics) }) : "";
    return [several, this.#missing()].filter(Boolean).join(" ");
  }

  // From when on the archive has posts, where that is later than the first bar.
  #missing() {
    const { minutes, series } = this.#counts;
    const first = minutes.findIndex((_, at) => series.some(({ counts }) => counts[at] > 0));
    return this.#span !== "hour" && first > 0 ? t("charts.storedFrom", { time: this.#text(minutes[first]) }) : "";
  }

  #summary() {
    const { minutes, series, total } = this.#counts;
    const sums = minutes.map((_, at) => series.reduce((sum, { counts }) => sum + counts[at], 0));
    const most = Math.max(...sums);
    const span = t(`charts.span.${this.#span}`);
    return t("charts.summary", { n: total, span, most, at: this.#text(minutes[sums.indexOf(most)]), now: sums.at(-1) });
  }

  // Shows the bar at the pointer, else the last one.
  #showReadout() {
    if (!this.#counts?.total) return;
    const { minutes, series } = this.#counts;
    const pointed = minutes.indexOf(this.#pointed);
    const at = pointed < 0 ? minutes.length - 1 : pointed;
    const parts = series.map(({ label, counts }) => `${name(label)} ${number(counts[at])}`);
    const running = at === minutes.length - 1 ? ` (${t("charts.running")})` : "";
    setText(this.readout, `${this.#text(minutes[at])}${running}: ${parts.join(", ")}`);
  }

  #showTable() {
    // 60 rows are only built when the table is open, and not while the focus is there: it would be lost
    if (!this.tableDetails.open || !this.#counts || this.table.contains(document.activeElement)) return;
    const { minutes, series } = this.#counts;
    const cell = (tag, text, scope) => {
      const made = element(tag, "", text);
      if (scope) made.scope = scope;
      return made;
    };
    const head = [t("charts.from"), ...series.map(({ label }) => name(label))].map((text) => cell("th", text, "col"));
    const rows = minutes.map((ms, at) =>
      element("tr", "", cell("th", this.#barButton(ms), "row"), ...series.map(({ counts }) => cell("td", number(counts[at])))));
    this.table.replaceChildren(
      element("caption", "", t(`charts.title.${this.#span}`)),
      element("thead", "", element("tr", "", ...head)),
      element("tbody", "", ...rows.reverse()),
    );
  }

  #barButton(ms) {
    const made = button("as-link", this.#text(ms));
    made.addEventListener("click", () => this.until(ms));
    return made;
  }
}
