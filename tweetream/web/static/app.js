// @ts-check
// The map of the page: it joins the parts. The address chooses columns, topics and filters, and one stream fills all lists.
// While the page is visible, it asks the server for the topics every few seconds.

import { Announcer } from "./alerts/announce.js";
import { Alerts } from "./alerts/notify.js";
import { Charts } from "./charts/charts.js";
import { FeedConnection } from "./feed/connection.js";
import { StateView, waitingText } from "./feed/state-view.js";
import { addressOf, isName, noFilter, plansWithout, toggled, viewOf } from "./lib/address.js";
import { controls } from "./lib/controls.js";
import { sayBriefly } from "./lib/copy.js";
import { setText } from "./lib/elements.js";
import { showHead } from "./lib/head.js";
import { lazy } from "./lib/lazy.js";
import { Sheets } from "./lib/sheets.js";
import { sum } from "./lib/sum.js";
import { welcome } from "./lib/welcome.js";
import { Columns } from "./posts/columns.js";
import { postOf } from "./posts/entry.js";
import { Filters } from "./posts/filters.js";
import { Api } from "./server/api.js";
import { tokenAsker } from "./server/token.js";
import { Archive } from "./sources/archive.js";
import { Sources } from "./sources/sources.js";
import { adding } from "./topics/adding.js";
import { TopicList } from "./topics/list.js";
import { Rates } from "./topics/rates.js";
import { knowLabels, UNSURE } from "./words/format.js";
import { onLanguage, t, translate } from "./words/words.js";

const REFRESH = 4000;

const byId = (id) => document.getElementById(id);
const note = (text) => setText(byId("topics-note"), text);
const toFeed = () => byId("feed-title").focus({ preventScroll: true });
const api = new Api(tokenAsker(document));
const announcer = new Announcer(byId("announcer"));
const now = () => Date.now() + api.clockOffset;
const away = () => sayBriefly(byId("copied"), t("server.away"));
const ranges = (text, item) => columns.all.find(({ element }) => element.contains(item))?.posts.rows.ranges(text) ?? [];
const openWhy = (...asked) => why.use((part) => part.toggle(...asked));
const why = lazy(async () => new (await import("./posts/why.js")).Why(api, ranges), away, "why");
const columns = new Columns(
  byId("posts"),
  { head: byId("feed-head"), acts: { why: openWhy }, now, changed: showState, search: (...asked) => api.search(...asked) },
  { chose: showCurrent, planned: (plans) => go({ ...view, columns: plans }) },
);
const feed = new FeedConnection({
  begin: (names) => columns.begin(names, (name, asked, query) => api.page(name, asked, query), position),
  exists: (name) => api.exists(name),
  newest: (name) => api.newest(name),
  reads: (name) => api.reads(name),
  on: {
    state: ({ name }) => {
      if (name === "live") charts.again();
      showState();
    },
    post: came,
    gap: (gap) => columns.addGap(gap),
    retracted: (id) => columns.each((posts) => posts.retract(id)),
    gone: lost,
  },
});
const sources = new Sources(byId("sources"), api, welcome(document, byId("welcome-close")));
new Archive(byId("archive"), api, showState);
const state = new StateView(document, feed, columns, sources);
const rates = new Rates();
const filters = new Filters(document, (filter) => planCurrent({ filter }));
const undoing = { changed: showTopics, away: toFeed };
const undo = lazy(async () => new (await import("./topics/undo.js")).Undo(byId("undo"), undoing), away, "undo");
const [stats, sends] = [(name) => api.stats(name), () => api.sendsAlerts()];
const toggle = (name) => planCurrent({ topics: toggled(columns.current.topics, name) }, { push: true });
const topicList = new TopicList(byId("topics"), { toggle, edit: (name) => addForm.edit(find(name)), remove, stats, marked: showTopics });
const edit = changing((...change) => api.edit(...change));
const addForm = adding(document, { add, edit, preview: (...asked) => api.preview(...asked), stored: () => api.stored }, away);
const charts = new Charts(byId("charts"), api, {
  posts: () => columns.current.posts.all,
  until: (...asked) => {
    sheets.show("");
    visit.use((part) => part.to(columns.current, ...asked));
  },
  label: (label) => filters.toggle(label),
});
const muted = (name) => topicList.marks.muted(name);
const save = changing((name, rule) => api.setAlert(name, rule));
const alerts = new Alerts(byId("alerts"), { show: () => columns.each((posts) => posts.toTop()), muted, save, stats, sends });
const visit = lazy(async () => new (await import("./posts/visit.js")).Visit(document), away, "visit");
const wall = lazy(async () => new (await import("./wall/wall.js")).Wall(document, columns), away, "wall");
const sheets = new Sheets(document, (name) => {
  if (name === "filters") return filters.text.focus();
  /** @type {HTMLDetailsElement} */ (byId(name).querySelector("details")).open = true;
});

let view = viewOf(location);
let topics = null; // null: not known yet
let shown = ""; // the address of the view
let followed = ""; // topics and filter of the stream
let position = ""; // where the stream was before it was opened anew
let lastKnown = new Map(); // the Kafka topics of those that are followed: a topic that is deleted and added again has another
let [first, asking] = [true, false];
let changes = 0; // of topics, made here: an answer to an earlier question is out of date
let timer = 0;

const find = (name) => topics?.find((topic) => topic.name === name);
const trackOf = (names) => [...new Set(names.flatMap((name) => find(name)?.track ?? []))];

// A live post goes to the lists, the announcer and the alerts. Only posts that are shown are parsed.
function came(data, at) {
  alerts.came(data);
  const entry = columns.add(data, at);
  if (!entry) return;
  if (!columns.paused) announcer.add(entry.label);
  if (alerts.wants(entry.label)) alerts.heard(postOf(entry));
}

function lost(name) {
  columns.each((posts) => posts.drop(name));
  if (!state.gone.includes(name)) state.gone.push(name);
  showState();
}

// Shows what the view says. `anew`: reads everything again.
function show(anew = false) {
  why.part?.close();
  shown = addressOf(view);
  columns.apply(view.columns);
  if (view.wall || wall.part) wall.use((part) => part.set(view.wall, view.turn, view.theme));
  if (anew) {
    columns.forget();
    lastKnown = new Map();
  }
  follow(anew);
  sayPanel();
  showCurrent();
}

// Follows the topics of all columns. Those that have begun go on where the stream was.
function follow(anew) {
  const names = columns.topics;
  const stream = `${names.join()}?${columns.query}`;
  if (!anew && stream === followed && columns.all.every(({ begun }) => begun)) return;
  announcer.hush();
  const bad = columns.all.flatMap((column) => column.topics).filter((name) => !isName(name));
  state.gone = [...new Set(bad)];
  position = anew ? "" : feed.position;
  followed = stream;
  if (names.length) feed.start(names, columns.query);
  else if (bad.length) feed.missing();
  else feed.stop();
}

// Changes the view, and the address with it.
function go(next, { push = false } = {}) {
  view = next;
  history[push ? "pushState" : "replaceState"](null, "", addressOf(view));
  show();
}

function planCurrent(change, options = {}) {
  const at = columns.all.indexOf(columns.current);
  go({ ...view, columns: columns.plans.map((plan, nth) => (nth === at ? { ...plan, ...change } : plan)) }, options);
}

function fromAddress() {
  const next = viewOf(location);
  if (!next.columns[0].topics.length && first && topics?.length) {
    next.columns = [{ ...next.columns[0], topics: [topics[0].name] }];
    history.replaceState(null, "", addressOf(next)); // so that "back" does not lead here again
  }
  if (next.columns[0].topics.length || topics) first = false;
  if (addressOf(next) === shown) return; // the browser tells a change twice
  view = next;
  show();
}

function addColumn() {
  const free = (topics ?? []).find(({ name }) => !columns.topics.includes(name)) ?? topics?.[0];
  if (!free || columns.full) return;
  go({ ...view, columns: [...columns.plans, { topics: [free.name], filter: noFilter() }] }, { push: true });
  columns.choose(columns.all.at(-1));
  columns.current.element.scrollIntoView({ block: "nearest", inline: "start" });
}

// What belongs to the current column.
function showCurrent() {
  filters.set(columns.current.filter);
  showTopics();
}

function showTopics() {
  const { current } = columns;
  const labels = [UNSURE, ...(topics ?? []).flatMap((topic) => Object.keys(topic.posts ?? {}))];
  knowLabels(labels);
  topicList.show(topics, current.topics, { rate: (topic) => rates.of(topic), hidden: (name) => undo.part?.has(name) });
  lastKnown = new Map(columns.topics.map((name) => [name, lastKnown.get(name) ?? find(name)?.kafka_topic]));
  filters.labels(labels);
  alerts.labels(labels);
  alerts.topics(topics, current.topics);
  for (const column of columns.all) column.track(trackOf(column.topics));
  showHead({ columns, trackOf, muted, any: Boolean(topics?.length), wall: addressOf({ ...view, wall: true }) });
  charts.follow(current.topics.filter(find), current.filter);
  showState();
}

function showState() {
  state.show({ topics, stored: api.stored });
  visit.part?.look();
  filters.search(api.stored);
}

// A deleted topic that was added again is followed again, also where the page did not see it go: a replay gives the same ids.
function followAgain() {
  const seen = (name) => lastKnown.get(name) || state.gone.includes(name);
  if (columns.topics.some((name) => seen(name) && find(name) && find(name).kafka_topic !== lastKnown.get(name))) show(true);
}

async function refresh() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  const [before, none] = [changes, !topics?.length];
  try {
    const answer = await api.topics();
    if (before === changes) topics = answer.sort((a, b) => a.name.localeCompare(b.name));
    if (!topics) return; // the first answer came while something was changed
    rates.add(topics, Date.now()); // a clock that goes on while a computer sleeps
    if (none && !topics.length) addForm.offer(); // not at once: those of a demo that starts again come back
    note(topics.length ? "" : t("topics.none"));
    feed.trust();
    feed.counted(sum(columns.topics.map((name) => sum(find(name)?.posts))));
    if (first) fromAddress();
    followAgain();
    showTopics();
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    if (problem.status === 0) feed.doubt();
    note(t("topics.old", { reason: problem.message }));
  } finally {
    asking = false;
    if (!document.hidden) timer = setTimeout(refresh, before === changes ? REFRESH : 0);
  }
}

async function add(name, track, backfill) {
  undo.part?.keep(name); // a person who adds a topic no longer wants to delete it
  await api.add(name, track, backfill);
  changes += 1;
  const { topics: chosen } = columns.current;
  if (chosen.includes(name)) show(true);
  else toggle(name);
  toFeed();
  refresh();
}

// A change of a topic that stays where it is: the list is asked for again.
function changing(act) {
  return async (...given) => {
    await act(...given);
    changes += 1;
    refresh();
  };
}

function remove(name) {
  const act = async () => {
    await api.remove(name);
    changes += 1;
    topics = topics.filter((topic) => topic.name !== name);
    const left = plansWithout(columns.plans, name); // where it was the only one, the page says that it was deleted
    if (JSON.stringify(left) !== JSON.stringify(columns.plans)) go({ ...view, columns: left });
  };
  const failed = (problem) => note(t("topics.notDeleted", { reason: problem.message + waitingText(problem) }));
  undo.use((part) => part.start(name, act, failed));
}

onLanguage(() => {
  for (const part of [topicList, filters, addForm, columns]) part.say();
  showTopics();
});
for (const type of ["hashchange", "popstate"]) addEventListener(type, fromAddress);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
const sayPanel = controls({
  ...{ announcer, columns, feed, filters, sheets, wall, toFeed },
  addColumn,
  closeWhy: () => why.part?.close(),
  api,
  leaveWall: () => go({ ...view, wall: false, turn: 0 }, { push: true }),
  plan: planCurrent,
});
setInterval(() => {
  columns.letGo();
  state.tick();
  wall.part?.tick(feed.state.name, now());
}, 500);

translate(document);
if (location.hash) fromAddress();
else showCurrent();
refresh();
