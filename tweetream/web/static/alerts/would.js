// @ts-check
// What a rule would have done in the last hour, by the topic's counts of its minutes: so that a person sees before whether it
// tells too much, or nothing. Knows no DOM.
//
// The first minutes of the hour are no surge, since what is usual is not known there; later ones are judged by a shorter past
// than the server has.

import { sum } from "../lib/sum.js";
import { minutesOf } from "../topics/hours.js";
import { isQuiet, MINUTES, ofLabel, surge } from "./rules.js";

/**
 * @param {{minute: string, labels: Record<string, number>}[]} rows Of the last hour, oldest first.
 * @param {import("./rules.js").Rule} rule
 * @param {number} age Minutes since the topic was made.
 * @returns {{times: number, minutes: number}} How often, and in how many minutes; 0 of them where that cannot be known.
 */
export function wouldTell(rows, rule, age) {
  const awake = ({ minute }) => !isQuiet(rule.quiet, new Date(minute));
  if (rule.when === "every") return { times: sum(minutesOf(ofLabel(rows.filter(awake), rule.label))), minutes: rows.length };
  let [times, since] = [0, 0];
  const known = Math.min(rows.length, Math.floor(age));
  for (let end = rows.length - known + 2 * MINUTES; end <= rows.length; end += 1) {
    const measured = surge(rows.slice(0, end), rule, age - (rows.length - end));
    if (!measured && since && end - since >= MINUTES) since = 0;
    if (!measured || since || !awake(rows[end - 1])) continue;
    [since, times] = [end, times + 1];
  }
  return { times, minutes: Math.max(0, known - 2 * MINUTES) };
}
