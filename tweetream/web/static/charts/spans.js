// @ts-check
// The times that the charts can show, and their bars. Knows no DOM and no server.

const MINUTE = 60000;
const HOUR = 60 * MINUTE;

/** @typedef {"hour" | "day" | "week"} SpanName */

// `step` is the time of a bar, `every` how often its counts are asked for; both in ms.
export const SPANS = {
  hour: { step: MINUTE, bars: 60, every: 5000 },
  day: { step: HOUR, bars: 24, every: MINUTE },
  week: { step: 6 * HOUR, bars: 28, every: MINUTE },
};

// When the bar begins that has this time: a bar of several hours at such an hour of the clock here.
export function startOf(ms, step) {
  const behind = step > HOUR ? new Date(ms).getTimezoneOffset() * MINUTE : 0;
  return Math.floor((ms - behind) / step) * step + behind;
}

/** When the first bar begins. @param {SpanName} name @param {number} now */
export const sinceOf = (name, now) => startOf(now, SPANS[name].step) - (SPANS[name].bars - 1) * SPANS[name].step;

/**
 * The counts of the server by the bars of a span.
 * @param {import("../server/api.js").Minute[]} answer @param {SpanName} name
 */
export const inBars = (answer, name) =>
  answer.map((row) => ({ ...row, minute: new Date(startOf(Date.parse(row.minute) || 0, SPANS[name].step)).toISOString() }));
