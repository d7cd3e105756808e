// @ts-check
// Adds up and orders what the server counted by minute, label and source. Knows no DOM and no server.

import { labelTone, UNSURE } from "../words/format.js";
import { SPANS, sinceOf, startOf } from "./spans.js";

const LEAST_MINUTES = 10; // of an axis

export const MOST_LABELS = 6; // more cannot be told apart; the rest is one series, with key ""

// `answers` are those of /topics/NAME/stats, one a topic: [{minute, labels, sources}], the last minute still running.
// {minutes: [ms, …], series: [{label, counts: [one a minute], total}], total, sources: [{source, total}]}; the series
// of "not" labels comes last, as does the source with the fewest posts.
/** @param {import("../server/api.js").Minute[][]} answers */
export function summed(answers) {
  const byMinute = new Map();
  const totals = new Map();
  const bySource = new Map();
  for (const { minute, labels, sources } of answers.flat()) {
    const ms = Date.parse(minute);
    if (Number.isNaN(ms)) continue;
    if (!byMinute.has(ms)) byMinute.set(ms, new Map());
    for (const [label, count] of Object.entries(labels ?? {})) {
      byMinute.get(ms).set(label, (byMinute.get(ms).get(label) ?? 0) + count);
      totals.set(label, (totals.get(label) ?? 0) + count);
    }
    for (const [source, count] of Object.entries(sources ?? {})) bySource.set(source, (bySource.get(source) ?? 0) + count);
  }
  const minutes = [...byMinute.keys()].sort((a, b) => a - b);
  const shown = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a) || a.localeCompare(b));
  const rest = shown.splice(MOST_LABELS);
  const rank = (label) => [!/\d/.test(labelTone(label)), label];
  shown.sort((a, b) => rank(a)[0] - rank(b)[0] || a.localeCompare(b));
  const count = (ms, labels) => labels.reduce((sum, label) => sum + (byMinute.get(ms).get(label) ?? 0), 0);
  const line = (label, labels) => {
    const counts = minutes.map((ms) => count(ms, labels));
    return { label, counts, total: counts.reduce((a, b) => a + b, 0) };
  };
  const series = shown.map((label) => line(label, [label]));
  if (rest.length) series.push(line("", rest));
  const sources = [...bySource].map(([source, total]) => ({ source, total }));
  sources.sort((a, b) => b.total - a.total || a.source.localeCompare(b.source));
  return { minutes, series, total: series.reduce((sum, { total }) => sum + total, 0), sources };
}

// Each series on top of those before it.
export function stacked(series) {
  const heights = series[0]?.counts.map(() => 0) ?? [];
  return series.map(({ counts }) => counts.map((count, at) => (heights[at] += count)));
}

// The minutes from the first that has a post on, ten at least: there is nothing to see before.
export function fitted({ minutes, series }) {
  const first = minutes.findIndex((_, at) => series.some(({ counts }) => counts[at] > 0));
  const from = Math.max(0, Math.min(first < 0 ? minutes.length : first, minutes.length - LEAST_MINUTES));
  return { minutes: minutes.slice(from), series: series.map((one) => ({ ...one, counts: one.counts.slice(from) })) };
}

// The counts of these labels alone; of all, if there are none.
/** @param {import("../server/api.js").Minute[]} answer @param {string[]} chosen */
export function ofLabels(answer, chosen) {
  if (!chosen.length) return answer;
  return answer.map(({ minute, labels }) => {
    const left = Object.fromEntries(Object.entries(labels ?? {}).filter(([label]) => chosen.includes(label)));
    return { minute, labels: left, sources: {} };
  });
}

// Counts posts as the server does, for the bars of a span.
/** @param {{label?: unknown, source?: unknown, received_at?: unknown}[]} posts @param {number} now @param {import("./spans.js").SpanName} span */
export function counted(posts, now, span = "hour") {
  const { step, bars } = SPANS[span];
  const starts = Array.from({ length: bars }, (_, at) => sinceOf(span, now) + at * step);
  const empty = starts.map((ms) => ({ minute: new Date(ms).toISOString(), labels: {}, sources: {} }));
  const own = posts.map(({ label, source, received_at }) => {
    const minute = new Date(startOf(Date.parse(String(received_at)) || 0, step)).toISOString();
    return { minute, labels: { [String(label ?? UNSURE)]: 1 }, sources: { [String(source)]: 1 } };
  });
  return [...empty, ...own.filter(({ minute }) => empty.some((bar) => bar.minute === minute))];
}
