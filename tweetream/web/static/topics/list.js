// @ts-check
// The list of topics: a row each, with its words, its last hour, counts by label, a box to follow several, a dot for posts
// that were not seen, and a menu. A refresh keeps the rows, so that the focus stays where it is.

import { button, element, setText } from "../lib/elements.js";
import { showMuted } from "../lib/muted.js";
import { sum } from "../lib/sum.js";
import { labelDot } from "../posts/post.js";
import { labelText, number } from "../words/format.js";
import { t } from "../words/words.js";
import { Hours, line } from "./hours.js";
import { Marks } from "./marks.js";
import { TopicMenu } from "./menu.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [120, 18];

function countsOf(topic) {
  const entries = Object.entries(topic.posts ?? {}).sort(([a], [b]) => a.localeCompare(b));
  if (!entries.length) return [t("topics.noPosts")];
  return entries.map(([label, count]) =>
    element("span", "count", labelDot(label), `${labelText(label)} `, element("b", "", number(count))),
  );
}

// What came of the stored posts that were asked for, unless they are there.
function backfillText({ backfill }) {
  if (backfill?.state === "failed") return t("topics.backfillFailed", { reason: backfill.reason ?? "" });
  return backfill?.state === "running" && t("topics.backfilling");
}

function sparkLine() {
  const [svg, path] = [document.createElementNS(SVG, "svg"), document.createElementNS(SVG, "polyline")];
  svg.setAttribute("viewBox", `-1 -1 ${WIDTH + 2} ${HEIGHT + 2}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true"); // the number beside it is read
  svg.append(path);
  return { svg, path };
}

class Row {
  #shown = "";
  found = true;

  constructor(name) {
    this.name = name;
    this.box = element("input", "follow");
    this.box.type = "checkbox";
    this.link = element("a", "topic-link");
    this.link.href = `#${name}`;
    this.counts = element("span", "counts");
    this.rate = element("span", "rate");
    this.fresh = element("span", "topic-fresh");
    this.sign = element("span", "muted-sign");
    this.track = element("span", "topic-track");
    this.spark = sparkLine();
    this.hour = element("span", "hour-count");
    this.link.append(
      element("span", "topic-line", element("span", "topic-name", name), this.sign, this.fresh, this.rate),
      this.track,
      element("span", "hour", this.spark.svg, this.hour),
      this.counts,
    );
    this.ask = button("button quiet more", "⋯");
    this.item = element("li", "topic", element("label", "follow-hit", this.box), this.link, this.ask);
    this.item.dataset.topic = name;
    this.say();
  }

  say() {
    this.#shown = "";
    this.box.ariaLabel = t("topics.follow", { name: this.name });
    this.box.title = t("topics.followTitle");
    this.ask.ariaLabel = t("topics.menu", { name: this.name });
    this.ask.title = t("topics.menu", { name: this.name });
    this.fresh.textContent = ` (${t("topics.fresh")})`;
    this.fresh.title = t("topics.fresh");
  }

  update(topic, { rate, chosen, hour, fresh, muted }) {
    this.fresh.hidden = chosen || !fresh;
    this.item.classList.toggle("muted", muted);
    if (this.sign.hidden === muted) this.found = !chosen; // the row gets wider
    showMuted(this.sign, muted ? t("topics.muted") : "");
    const track = topic.track ?? [];
    setText(this.track, track.includes("*") ? t("feed.followsAll") : track.join(", "));
    this.track.hidden = track.join() === topic.name;
    this.track.title = this.track.textContent;
    const shown = JSON.stringify([topic.posts ?? {}, rate, hour, topic.backfill]);
    if (shown !== this.#shown) {
      this.spark.path.setAttribute("points", hour ? line(hour, WIDTH, HEIGHT) : "");
      const posts = (hour ?? []).reduce((sum, count) => sum + count, 0);
      setText(this.hour, [hour && t("topics.hour", { n: posts }), backfillText(topic)].filter(Boolean).join(" · "));
      this.counts.replaceChildren(...countsOf(topic));
      this.link.dataset.total = number(sum(topic.posts));
      this.rate.textContent = rate === null ? "" : t("topics.rate", { rate });
      this.rate.title = rate === null ? "" : t("topics.perMinute", { n: rate });
    }
    this.#shown = shown;
    this.box.checked = chosen;
    if (chosen === this.link.hasAttribute("aria-current")) return;
    if (chosen) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
    this.found = !chosen;
  }

  // Scrolls a row that was just chosen, or muted, into view, once. Scrolls the list, never the page.
  reveal(list) {
    if (this.found) return;
    this.found = true;
    const [row, frame] = [this.item.getBoundingClientRect(), list.getBoundingClientRect()];
    if (row.bottom > frame.bottom) list.scrollTop += row.bottom - frame.bottom + 4;
    else if (row.top < frame.top) list.scrollTop -= frame.top - row.top + 4;
    if (row.right > frame.right) list.scrollLeft += row.right - frame.right + 4;
    else if (row.left < frame.left) list.scrollLeft -= frame.left - row.left + 4;
  }
}

export class TopicList {
  #rows = new Map();
  #topics = [];

  // toggle(name) follows a topic too, or no longer; edit(name) and remove(name) change it; stats(name) is its last hour.
  // marked() is called when a topic was muted, or no longer is.
  constructor(list, { toggle, edit, remove, stats, marked }) {
    this.list = list;
    this.marks = new Marks();
    this.hours = new Hours(stats, () => this.#again());
    const mute = (one) => {
      const topic = this.#topics.find(({ name }) => name === one);
      if (topic) this.marks.mute(topic, !this.marks.muted(one)); // it may be gone since its menu was opened
      marked();
    };
    this.menu = new TopicMenu(document, { edit, mute, remove }, (one) => this.marks.muted(one));
    const name = (event) => event.target.closest("[data-topic]")?.dataset.topic;
    list.addEventListener("change", (event) => event.target.matches(".follow") && toggle(name(event)));
    list.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
      event.preventDefault(); // chooses a second one, as in other lists, and opens no tab
      toggle(name(event));
    });
  }

  #again = () => {}; // shows what was shown last

  // `topics`: all there are, or null while that is not known. rate(topic) is posts a minute, or null; hidden(name): it has no row.
  show(topics, chosen, { rate, hidden }) {
    this.#again = () => this.show(topics, chosen, { rate, hidden });
    this.marks.update(topics, document.hidden ? [] : chosen);
    this.#topics = (topics ?? []).filter(({ name }) => !hidden(name));
    const names = new Set(this.#topics.map((topic) => topic.name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      this.hours.forget(row.item);
      row.item.remove();
      this.#rows.delete(name);
    }
    this.#topics.forEach((topic, index) => {
      const row = this.#rows.get(topic.name) ?? this.#begin(topic.name);
      row.update(topic, {
        rate: rate(topic),
        chosen: chosen.includes(topic.name),
        hour: this.hours.of(topic.name),
        fresh: this.marks.fresh(topic),
        muted: this.marks.muted(topic.name),
      });
      // a moved element loses the focus, so only rows in a wrong place are moved
      if (this.list.children[index] !== row.item) this.list.insertBefore(row.item, this.list.children[index] ?? null);
    });
    for (const name of chosen) this.#rows.get(name)?.reveal(this.list);
  }

  #begin(name) {
    const row = new Row(name);
    this.#rows.set(name, row);
    this.menu.attach(row.ask, name);
    this.hours.watch(row.item);
    return row;
  }

  // Writes the texts again, in the chosen language.
  say() {
    for (const row of this.#rows.values()) row.say();
  }
}
