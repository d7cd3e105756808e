// @ts-check
// What is wrong with a topic, in the page's language and at the field that is wrong. The server says it in English, for
// programs too; a test holds that each of its sentences is known here. Knows no DOM.

import { t } from "../words/words.js";

const TERM = /\bthe term ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/;

// [what the server says, the key of our words, the field]; the first that fits counts
const SAID = /** @type {[RegExp, string, "name" | "track" | ""][]} */ ([
  [/a topic's name is/, "add.badName", "name"],
  [/exists with another track: (?<track>.*?)(?:; to change|$)/s, "fault.exists", "name"],
  [/there are (?<n>\d+) topics: delete one/, "fault.full", ""],
  [/all topics together may track (?<n>\d+) characters/, "fault.wordy", "track"],
  [/a quote is not closed/, "fault.quote", "track"],
  [/only words not to have/, "fault.onlyNot", "track"],
  [/matches no post: it wants and excludes/, "fault.never", "track"],
  [/at most (?<n>\d+) characters/, "fault.long", "track"],
  [/track has 1 to (?<n>\d+) terms/, "fault.many", "track"],
  [/write words on both sides of &/, "fault.sides", "track"],
  [/instead of OR in/, "fault.or", "track"],
  [/write (?<instead>\S+) instead of (?<word>\S+) in/, "fault.instead", "track"],
  [/\* stands at the beginning or the end/, "fault.star", "track"],
  [/no words in the term/, "fault.noWords", "track"],
  [/an estimate from (?<n>\d+) posts, (?<share>[\d.]+)%/, "fault.estimate", "track"],
  [/no post was read in the last hour/, "fault.nothingRead", "track"],
  [/X sends only posts that match/, "fault.onlyX", "track"],
  [/there is no topic/, "fault.gone", ""],
  [/the change may still be applied|was not changed|deleted the topic right after/, "fault.unsure", ""],
  [/needs a token/, "fault.token", ""],
  [/wrong token|may only read|role/, "fault.role", ""],
]);

// The server's sentence in the page's language: {text, field}; field is "" for what concerns no field.
export function said(sentence) {
  for (const [pattern, key, field] of SAID) {
    const found = pattern.exec(sentence);
    if (!found) continue;
    const term = TERM.exec(sentence)?.[1].slice(1, -1) ?? "";
    return { text: t(key, { ...numbers(found.groups), term }), field };
  }
  return { text: sentence, field: "" };
}

function numbers(groups) {
  return Object.fromEntries(Object.entries(groups ?? {}).map(([name, value]) => [name, /^\d+$/.test(value) ? Number(value) : value]));
}

// Of a refused call.
export function faultOf(problem) {
  const found = said(problem.message);
  if (found.text !== problem.message || ![400, 409, 413, 422].includes(problem.status)) return found;
  return { text: t("fault.other", { reason: problem.message }), field: "name" };
}
