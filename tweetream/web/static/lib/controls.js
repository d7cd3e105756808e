// @ts-check
// What a person does that changes nothing of the view: newest, pause, copy, save, fold, panel; and the keys.

import { chooseLanguageBy } from "../words/language.js";
import { laterWords, t } from "../words/words.js";
import { isName, topicsOf } from "./address.js";
import { copyButton, sayBriefly } from "./copy.js";
import { listenToMenus } from "./menu.js";
import { shortcuts } from "./shortcuts.js";
import { keep, kept } from "./storage.js";
import { chooseThemeBy } from "./theme.js";

const byId = (id) => document.getElementById(id);

// The charts and alerts beside the posts: at first shown beside one column, and not beside several.
function panel() {
  const { classList } = document.body;
  classList.toggle("no-panel", kept("panel") === "false");
  classList.toggle("panel-many", kept("panel-many") === "true");
  const say = () => (byId("panel").ariaPressed = String(classList.contains("many") ? classList.contains("panel-many") : !classList.contains("no-panel")));
  byId("panel").addEventListener("click", () => {
    const many = classList.contains("many");
    classList.toggle(many ? "panel-many" : "no-panel");
    say();
    keep(many ? "panel-many" : "panel", byId("panel").ariaPressed);
  });
  return say;
}

function folding(columns) {
  const box = /** @type {HTMLInputElement} */ (byId("folds"));
  const set = () => (columns.folds = box.checked);
  box.checked = kept("folds") !== "no";
  box.addEventListener("change", () => {
    set();
    keep("folds", box.checked ? "yes" : "no");
  });
  set();
}

// A topic's link is for the current column, not for all of them.
function topicLinks(columns, plan) {
  byId("topics").addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest("a");
    if (!link || event.defaultPrevented || columns.all.length < 2) return;
    event.preventDefault();
    plan({ topics: topicsOf(link.hash) }, { push: true });
  });
}

// `toFeed` moves the focus to the posts' heading, `plan` changes the current column. Returns what says whether the panel is
// shown. `api` is the Api.
export function controls({ addColumn, announcer, api, columns, feed, filters, sheets, wall, closeWhy, leaveWall, plan, toFeed }) {
  const pause = () => {
    const { paused } = columns;
    columns.each((posts) => (paused ? posts.resume() : posts.pause()));
    announcer.hush();
  };
  const on = (id, act) => byId(id).addEventListener("click", act);
  for (const id of ["pause", "bar-pause"]) on(id, pause);
  on("newest", () => {
    columns.each((posts) => posts.toTop());
    toFeed();
  });
  on("try-now", () => feed.resume());
  on("skip", (event) => {
    event.preventDefault(); // the fragment of the address holds the topics
    toFeed();
  });
  on("export", async () => {
    const { topics, filter } = columns.current;
    const saved = (n) => sayBriefly(byId("copied"), t("export.saved", { n }));
    const opener = /** @type {HTMLButtonElement} */ (byId("export"));
    opener.disabled = true; // a second click would open a second dialog
    const [loaded] = await Promise.all([import("../posts/export.js"), laterWords()]).catch(() => []);
    opener.disabled = false;
    const asked = { topics: topics.filter(isName), filter, file: api.file.bind(api), stored: Boolean(api.stored), saved };
    if (loaded) loaded.exportPosts(asked);
    else sayBriefly(byId("copied"), t("server.away"));
  });
  on("column-add", addColumn);
  copyButton(byId("copy"), byId("copied"));
  listenToMenus();
  chooseLanguageBy(byId("language"));
  chooseThemeBy(/** @type {HTMLSelectElement} */ (byId("theme")));
  addEventListener("online", () => feed.resume());
  addEventListener("pagehide", () => feed.suspend());
  addEventListener("pageshow", (event) => event.persisted && feed.resume());
  shortcuts({ columns, filters, sheets, closeWhy, wall, pause, leaveWall });
  folding(columns);
  topicLinks(columns, plan);
  byId("unloaded").remove(); // the scripts are here
  return panel();
}
