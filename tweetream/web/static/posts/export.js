// @ts-check
// Saves all posts that a filter lets through, not only those that the page has: reads what the archive and the feeds keep,
// says the number, and then saves it as the person chooses. Loaded when it is asked for.

import { isActive, serverQuery } from "../lib/address.js";
import { button, element, setText } from "../lib/elements.js";
import { linesOf } from "../server/lines.js";
import { t } from "../words/words.js";
import { csvHead, csvRows, fileName } from "./csv.js";
import { entryOf, postOf } from "./entry.js";
import { passing } from "./query.js";

const MOST = 200000; // posts that the page holds
const PART = 5000; // posts of a part of the file
const SAID = 200; // ms between two numbers

/** @typedef {import("./entry.js").Entry} Entry */

// The entries of all posts, by id, oldest first; null: there are more than the page holds. said(n) is told how many there are.
async function gather({ topics, filter, file, stored }, signal, said) {
  const [found, passes] = [/** @type {Map<string, Entry>} */ (new Map()), passing(filter)];
  let next = performance.now() + SAID;
  const files = topics.flatMap((name) => [...(stored ? [{ name, archived: true }] : []), { name, archived: false }]);
  for (const { name, archived } of files) {
    for await (const lines of linesOf(await file(name, serverQuery(filter), signal, archived))) {
      for (const line of lines) {
        const entry = entryOf(line, "");
        const there = entry && found.get(entry.id);
        if (there) there.topics = [...new Set([...there.topics, name])];
        else if (entry && passes(entry)) found.set(entry.id, entry);
      }
      if (found.size > MOST) return null;
      if (performance.now() < next) continue;
      next = performance.now() + SAID;
      said(found.size);
    }
  }
  const entries = [...found.values()];
  return files.length > 1 ? entries.sort((a, b) => (a.time || 0) - (b.time || 0)) : entries;
}

function* parts(entries, format) {
  if (format === "csv") yield csvHead();
  for (let at = 0; at < entries.length; at += PART) {
    const posts = entries.slice(at, at + PART).map((entry) => {
      const post = postOf(entry);
      return { ...post, topic: [...new Set([...entry.topics, ...(/** @type {string[]} */ (post.topics) ?? [])])] }; // the archive knows all
    });
    if (format === "csv") yield csvRows(posts);
    else yield posts.map((post) => `${JSON.stringify({ ...post, topic: post.topic[0], topics: post.topic })}\n`).join("");
  }
}

function save(entries, topics, format) {
  const link = document.createElement("a");
  const type = format === "csv" ? "text/csv;charset=utf-8" : "application/x-ndjson";
  link.href = URL.createObjectURL(new Blob([...parts(entries, format)], { type }));
  link.download = fileName(topics, new Date(), format);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000); // the browser reads it after the click
}

/**
 * Opens the dialog. `file(name, query, signal, archived)` is the Api's; `stored` is whether there is an archive; saved(n) is
 * called at the end.
 * @param {{topics: string[], filter: import("../lib/address.js").Filter, file: Function, stored: boolean, saved: (n: number) => void}} asked
 */
export async function exportPosts(asked) {
  const ending = new AbortController();
  const said = element("p", "", t("export.reading", { n: 0 }));
  said.role = "status";
  const title = element("h2", "", t("export.title"));
  title.id = "export-title";
  const choices = ["csv", "jsonl"].map((format) => {
    const choice = button("button primary", t(`export.${format}`), format);
    choice.disabled = true;
    return choice;
  });
  const cancel = button("button", t("cancel"));
  const dialog = element("dialog", "dialog", title, said, element("p", "hint", t(asked.stored ? "export.hintStored" : "export.hint")), element("div", "actions", cancel, ...choices));
  dialog.id = "export";
  dialog.setAttribute("aria-labelledby", title.id);
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    ending.abort();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  try {
    const entries = await gather(asked, ending.signal, (n) => setText(said, t("export.reading", { n })));
    const number = isActive(asked.filter) ? "export.number" : "export.all";
    setText(said, entries ? t(number, { n: entries.length }) : t("export.tooMany", { most: MOST, names: asked.topics.join(",") }));
    for (const choice of choices) {
      choice.disabled = !entries?.length;
      choice.addEventListener("click", () => {
        save(entries, asked.topics, choice.dataset.act);
        dialog.close();
        asked.saved(entries.length);
      });
    }
  } catch (problem) {
    if (ending.signal.aborted) return;
    setText(said, t("export.failed", { reason: "status" in problem ? problem.message : t("server.away") }));
  }
}
