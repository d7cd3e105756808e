// @ts-check
// The head above the posts: which topics and words, and what can be done there.

import { t } from "../words/words.js";
import { setText } from "./elements.js";
import { mutedWords, showMuted } from "./muted.js";

// `trackOf(topics)` are the words that they follow; muted(topic): whether it is; `any`: there are topics; `wall` is the address
// of the wall.
export function showHead({ columns, trackOf, muted, any, wall }) {
  const byId = (id) => document.getElementById(id);
  const { topics } = columns.current;
  const [title, track] = [byId("feed-title"), trackOf(topics)];
  setText(title, topics.join(", ") || t("feed.title"));
  title.title = !track.length ? "" : track.includes("*") ? t("feed.followsAll") : t("feed.follows", { track: track.join(", ") });
  for (const column of columns.all) showMuted(column.muted, mutedWords(column.topics.filter(muted)));
  showMuted(byId("muted"), columns.all.length > 1 ? "" : mutedWords(topics.filter(muted))); // several have heads of their own
  byId("more").hidden = !columns.topics.length;
  byId("column-add").hidden = !any || columns.full;
  /** @type {HTMLAnchorElement} */ (byId("wall-open")).href = wall;
}
