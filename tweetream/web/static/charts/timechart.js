// @ts-check
// Draws counts as bars, stacked by label, with uPlot. Built again when the series or the time of a bar change.

import uPlot from "../vendor/uPlot.esm.js";
import { number, time } from "../words/words.js";
import { stacked } from "./counts.js";
import { fill, looks } from "./patterns.js";

const UPlot = /** @type {any} */ (uPlot); // its file has no types
const HEIGHT = 180;
const WHOLE = [1, 2, 5].flatMap((n) => [1, 10, 100, 1000, 10000, 100000].map((ten) => n * ten)).sort((a, b) => a - b);
const TICKS = [1, 5, 10, 15, 30, 60, 120, 180, 360].map((minutes) => minutes * 60); // s

export class TimeChart {
  #plot = null;
  #made = "";
  #looks = [];
  #minutes = [];
  #step = 60; // s, of a bar
  #place = /** @type {number | null} */ (null);

  // pointed(ms or null) is told which bar the pointer is at, chosen(ms) which one was clicked.
  constructor(box, pointed, chosen) {
    this.box = box;
    box.addEventListener("click", () => this.#place !== null && chosen(this.#minutes[this.#place]));
    this.pointed = pointed;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(box);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.redraw());
    }
    new MutationObserver(() => this.redraw()).observe(document.documentElement, { attributeFilter: ["style"] }); // lib/theme.js
    this.probe = box.appendChild(document.createElement("i"));
  }

  redraw() {
    this.#plot?.redraw(true, true);
  }

  // `step` is the time of a bar in ms.
  show({ minutes, series: known }, step) {
    const series = known.length ? known : [{ label: "", counts: minutes.map(() => 0) }];
    const made = JSON.stringify([step, ...series.map(({ label }) => label)]);
    this.#step = step / 1000;
    if (made !== this.#made) this.clear();
    this.#looks = looks(series);
    this.#plot ??= new UPlot(this.#options(series), null, this.box);
    this.#made = made;
    this.#minutes = minutes;
    // the top series is drawn first, the lower ones over it
    this.#plot.setData([minutes.map((ms) => ms / 1000), ...stacked(series).reverse()]);
  }

  clear() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #size() {
    return { width: Math.max(this.box.clientWidth, 120), height: HEIGHT };
  }

  #colour(name) {
    this.probe.style.color = `var(${name})`;
    return getComputedStyle(this.probe).color;
  }

  #options(series) {
    const soft = () => this.#colour("--soft");
    const grid = { stroke: () => this.#colour("--line"), width: 1 };
    const axis = { stroke: soft, grid, ticks: { ...grid, size: 4 }, font: "12px system-ui, sans-serif" };
    const line = (_, index) => {
      const at = series.length - 1 - index;
      const colour = () => this.#colour(`--tone-${this.#looks[at].tone}`);
      return {
        stroke: colour,
        fill: (plot) => fill(plot.ctx, this.#looks[at].pattern, colour(), this.#colour("--card")),
        width: this.#looks[at].pattern === "solid" ? 0 : 1,
        paths: UPlot.paths.bars({ size: [0.6, 60], align: 1 }),
        points: { show: false },
      };
    };
    return {
      ...this.#size(),
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: { x: { range: (_, from, to) => [from, to + this.#step] }, y: { range: (_, __, most) => [0, Math.max(most * 1.05, 1)] } },
      axes: [
        { ...axis, size: 26, space: 60, incrs: this.#step > 3600 ? [86400, 172800] : TICKS, values: (_, ticks) => ticks.map((at) => this.#tick(at * 1000)) },
        { ...axis, size: 44, space: 28, incrs: WHOLE, values: (_, ticks) => ticks.map((n) => number(n)) },
      ],
      series: [{}, ...series.map(line)],
      hooks: { draw: [(plot) => this.#veil(plot)], setCursor: [(plot) => this.#point(plot)] },
    };
  }

  #tick(ms) {
    return time(ms, this.#step > 3600 ? { weekday: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit" });
  }

  // The last bar is drawn pale, since it is not complete.
  #veil(plot) {
    const last = plot.data[0].at(-1);
    const [from, to] = [last, last + this.#step].map((at) => plot.valToPos(at, "x", true));
    plot.ctx.save();
    plot.ctx.globalAlpha = 0.6;
    plot.ctx.fillStyle = this.#colour("--card");
    plot.ctx.fillRect(from, plot.bbox.top, to - from, plot.bbox.height);
    plot.ctx.restore();
  }

  // The pointer chooses the bar that it is in, not the nearest beginning of one.
  #point(plot) {
    const { left } = plot.cursor;
    const inside = left >= 0;
    const seconds = inside ? plot.posToVal(left, "x") : NaN;
    const place = inside ? plot.data[0].findLastIndex((start) => start <= seconds) : -1;
    this.#place = place >= 0 ? place : null;
    this.pointed(this.#place === null ? null : this.#minutes[this.#place]);
  }
}
