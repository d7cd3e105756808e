// @ts-check
// Draws posts a minute as bars, stacked by label, with uPlot. Built again when the series change.

import uPlot from "../vendor/uPlot.esm.js";
import { number, time } from "../words/words.js";
import { stacked } from "./counts.js";
import { fill, looks } from "./patterns.js";

const UPlot = /** @type {any} */ (uPlot); // its file has no types
const HEIGHT = 180;
const WHOLE = [1, 2, 5].flatMap((n) => [1, 10, 100, 1000, 10000, 100000].map((ten) => n * ten)).sort((a, b) => a - b);
const clock = (seconds) => time(seconds * 1000, { hour: "2-digit", minute: "2-digit" });

export class TimeChart {
  #plot = null;
  #made = "";
  #looks = [];
  #minutes = [];
  #place = /** @type {number | null} */ (null);

  // pointed(ms or null) is told which minute the pointer is at, chosen(ms) which one was clicked.
  constructor(box, pointed, chosen) {
    this.box = box;
    box.addEventListener("click", () => this.#place !== null && chosen(this.#minutes[this.#place]));
    this.pointed = pointed;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(box);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.redraw());
    }
  }

  redraw() {
    this.#plot?.redraw(true, true);
  }

  show({ minutes, series: known }) {
    const series = known.length ? known : [{ label: "", counts: minutes.map(() => 0) }];
    const made = JSON.stringify(series.map(({ label }) => label));
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
    return getComputedStyle(this.box).getPropertyValue(name).trim() || "gray";
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
      scales: { x: { range: (_, from, to) => [from, to + 60] }, y: { range: (_, __, most) => [0, Math.max(most * 1.05, 1)] } },
      axes: [
        { ...axis, size: 26, space: 60, values: (_, ticks) => ticks.map(clock) },
        { ...axis, size: 44, space: 28, incrs: WHOLE, values: (_, ticks) => ticks.map((n) => number(n)) },
      ],
      series: [{}, ...series.map(line)],
      hooks: { draw: [(plot) => this.#veil(plot)], setCursor: [(plot) => this.#point(plot)] },
    };
  }

  // The current minute is drawn pale, since it is not complete.
  #veil(plot) {
    const last = plot.data[0].at(-1);
    const [from, to] = [last, last + 60].map((at) => plot.valToPos(at, "x", true));
    plot.ctx.save();
    plot.ctx.globalAlpha = 0.6;
    plot.ctx.fillStyle = this.#colour("--card");
    plot.ctx.fillRect(from, plot.bbox.top, to - from, plot.bbox.height);
    plot.ctx.restore();
  }

  // The pointer chooses the minute that it is in, not the nearest beginning of a minute.
  #point(plot) {
    const { left } = plot.cursor;
    const inside = left >= 0;
    const seconds = inside ? plot.posToVal(left, "x") : NaN;
    const place = inside ? plot.data[0].findLastIndex((start) => start <= seconds) : -1;
    this.#place = place >= 0 ? place : null;
    this.pointed(this.#place === null ? null : this.#minutes[this.#place]);
  }
}
