// @ts-check
// The charts: posts a minute by label for the last hour, share by label and by source. The numbers are the server's counts,
// so they are right after a reload and on every worker; with a filter by score or text they are those of the posts that the
// page has, and this is said. The table has the same numbers.

import { button, element, setText } from "../lib/elements.js";
import { keep, kept } from "../lib/storage.js";
import { Poll } from "../server/poll.js";
import { labelText, network } from "../words/format.js";
import { list, number, onLanguage, t, time, translate } from "../words/words.js";
import { showBars } from "./bars.js";
import { counted, fitted, ofLabels, summed } from "./counts.js";
import { looks } from "./patterns.js";

const REFRESH = 5000;
const OPEN = "charts";
const minuteText = (ms) => time(ms, { hour: "2-digit", minute: "2-digit" });
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

  // posts() are those that the page has; minute(ms) is called when a person chooses a bar of a minute, label(name) one of a
  // label.
  constructor(section, api, { posts, minute, label }) {
    this.api = api;
    this.posts = posts;
    this.minute = minute;
    this.label = label;
    this.poll = new Poll(() => this.#ask(), REFRESH);
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
    this.filled = element("div", "", worded("h3", "", "charts.minutes"), this.box, this.readout, this.shares);
    this.details = element("details", "charts-details", summary, this.note, this.filled);
    this.details.id = "charts-details";
    section.setAttribute("aria-labelledby", "charts-title");
    section.append(this.details);
    translate(section);
    this.#show();
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
    const topics = this.#topics;
    const { labels } = this.#filter;
    if (this.#own) {
      this.fault = "";
      this.#counts = summed([counted(this.posts(), Date.now() + this.api.clockOffset)]);
      return this.#draw();
    }
    let fault = "";
    const stats = (topic) =>
      this.api.stats(topic).catch((problem) => {
        if (problem.status !== 404) fault ||= t("charts.old", { reason: problem.message });
        return []; // a topic that is gone has no posts
      });
    const counts = await Promise.all(topics.map(stats));
    if (topics !== this.#topics) return this.poll.now();
    this.fault = fault;
    if (!fault) this.#counts = summed(counts.map((answer) => ofLabels(answer, labels)));
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
    this.#chart ??= new loaded.TimeChart(this.box, pointed, this.minute);
  }

  #show() {
    const { total } = this.#counts ?? {};
    this.filled.hidden = !total; // without posts the note says more than empty axes
    setText(this.note, this.fault || this.#noteText(total));
    this.note.hidden = !this.note.textContent;
    if (this.filled.hidden) return;
    const { series, sources } = this.#counts;
    this.#chart?.show(fitted(this.#counts));
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
    if (total === undefined) return t("charts.asking");
    if (!total) return t("charts.none");
    if (this.#own) return t("charts.own", { n: total });
    return this.#topics.length > 1 ? t("charts.several", { topics: list(this.#topics) }) : "";
  }

  #summary() {
    const { minutes, series, total } = this.#counts;
    const sums = minutes.map((_, at) => series.reduce((sum, { counts }) => sum + counts[at], 0));
    const most = Math.max(...sums);
    return t("charts.summary", { n: total, most, at: minuteText(minutes[sums.indexOf(most)]), now: sums.at(-1) });
  }

  // Shows the minute at the pointer, else the current one.
  #showReadout() {
    if (!this.#counts?.total) return;
    const { minutes, series } = this.#counts;
    const pointed = minutes.indexOf(this.#pointed);
    const at = pointed < 0 ? minutes.length - 1 : pointed;
    const parts = series.map(({ label, counts }) => `${name(label)} ${number(counts[at])}`);
    const running = at === minutes.length - 1 ? ` (${t("charts.running")})` : "";
    setText(this.readout, `${minuteText(minutes[at])}${running}: ${parts.join(", ")}`);
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
    const head = [t("charts.minute"), ...series.map(({ label }) => name(label))].map((text) => cell("th", text, "col"));
    const rows = minutes.map((ms, at) =>
      element("tr", "", cell("th", this.#minuteButton(ms), "row"), ...series.map(({ counts }) => cell("td", number(counts[at])))));
    this.table.replaceChildren(
      element("caption", "", t("charts.minutes")),
      element("thead", "", element("tr", "", ...head)),
      element("tbody", "", ...rows.reverse()),
    );
  }

  #minuteButton(ms) {
    const made = button("as-link", minuteText(ms));
    made.addEventListener("click", () => this.minute(ms));
    return made;
  }
}
