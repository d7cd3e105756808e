// @ts-check
// The wall: the columns on the whole screen, or one at a time in turn, with a clock, and loud when what is shown is old.

import { setText } from "../lib/elements.js";
import { wear } from "../lib/theme.js";
import { t, time } from "../words/words.js";

const PATIENCE = 10000; // ms without a live feed that are nothing to shout about
const clock = (ms) => time(ms, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export class Wall {
  on = false;
  #turn = 0; // seconds for each column; 0: all at once
  #goodAt = 0; // when the feed was live last
  #since = 0; // of the server's clock
  #lock = null;

  constructor(document, columns) {
    this.body = document.body;
    this.clock = document.getElementById("wall-clock");
    this.alarm = document.getElementById("wall-alarm");
    this.columns = columns;
    document.addEventListener("visibilitychange", () => this.#stayAwake());
  }

  // `turn` is seconds for each column, `theme` the colours; see lib/address.js.
  set(on, turn, theme) {
    this.#turn = turn;
    wear(on ? theme : "");
    if (on === this.on) return;
    this.on = on;
    this.body.classList.toggle("wall", on);
    this.columns.wall = on;
    if (!on) this.body.classList.remove("stale");
    if (!on) for (const { element } of this.columns.all) element.classList.remove("away");
    this.#goodAt = performance.now();
    this.#stayAwake();
  }

  // Called twice a second; `state` is the feed's, `now` the server's time.
  tick(state, now) {
    if (!this.on) return;
    setText(this.clock, clock(now));
    const late = performance.now() - this.#goodAt > PATIENCE;
    if (state === "live") [this.#goodAt, this.#since] = [performance.now(), now];
    const stale = state !== "live" && late;
    this.body.classList.toggle("stale", stale);
    setText(this.alarm, stale ? t("wall.stale", { time: this.#since ? clock(this.#since) : "–" }) : "");
    const { all } = this.columns;
    const shown = this.#turn ? Math.floor(now / 1000 / this.#turn) % all.length : -1;
    for (const [nth, { element }] of all.entries()) element.classList.toggle("away", shown >= 0 && nth !== shown);
  }

  // A screen that nobody touches would go dark.
  async #stayAwake() {
    const policy = /** @type {any} */ (document).featurePolicy; // Chromium's; in a frame the page around may forbid it, and asking would be an error in the console
    if (policy && !policy.allowsFeature("screen-wake-lock")) return;
    try {
      if (this.on && !document.hidden) this.#lock = await navigator.wakeLock?.request("screen");
      else await this.#lock?.release();
    } catch {
      // not allowed here, for example without https: then the computer's own settings count
    }
  }
}
