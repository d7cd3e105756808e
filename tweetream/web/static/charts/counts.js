// @ts-check
// Adds up and orders what the server counted by minute, label and source. Knows no DOM and no server.

import { labelTone } from "../words/format.js";

export const MOST_LABELS = 5; // more cannot be told apart; the rest is one series, with key ""

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
  const rank = (label) => [labelTone(label) === "none", label];
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
