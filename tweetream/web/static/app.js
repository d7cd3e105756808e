// @ts-check
// The map of the page: it joins the parts. The address chooses topics and filters, and their feeds fill the list. While
// the page is visible, it asks the server for the topics every few seconds.

import { Announcer } from "./alerts/announce.js";
import { Alerts } from "./alerts/notify.js";
import { Charts } from "./charts/charts.js";
import { FeedConnection } from "./feed/connection.js";
import { StateView, waitingText } from "./feed/state-view.js";
import { addressOf, filterOf, isName, serverQuery, toggled, topicsOf } from "./lib/address.js";
import { copyButton } from "./lib/copy.js";
import { setText } from "./lib/elements.js";
import { listen } from "./lib/keys.js";
import { save } from "./posts/csv.js";
import { Filters, textFilter } from "./posts/filters.js";
import { PostList } from "./posts/list.js";
import { Marker } from "./posts/match.js";
import { postOf } from "./posts/timeline.js";
import { Why } from "./posts/why.js";
import { Api } from "./server/api.js";
import { tokenAsker } from "./server/token.js";
import { Sources } from "./sources/sources.js";
import { AddForm } from "./topics/add.js";
import { TopicList } from "./topics/list.js";
import { Rates } from "./topics/rates.js";
import { Undo } from "./topics/undo.js";
import { labelText, UNSURE } from "./words/format.js";
import { chooseLanguageBy } from "./words/language.js";
import { onLanguage, t, translate } from "./words/words.js";

const REFRESH = 4000;

const sum = (counts) => Object.values(counts ?? {}).reduce((all, count) => all + count, 0);

const byId = (id) => document.getElementById(id);
const api = new Api(tokenAsker(document));
const announcer = new Announcer(byId("announcer"));
const posts = new PostList({ list: byId("posts"), above: byId("posts-above"), head: byId("feed-head") }, showState);
const feed = new FeedConnection({
  begin,
  exists: (name) => api.exists(name),
  newest: (name) => api.newest(name),
  reads: (name) => api.reads(name),
  on: {
    state: showState,
    post: came,
    gap: (gap) => posts.addGap(gap),
    retracted: (id) => posts.retract(id),
    gone: lost,
  },
});
const sources = new Sources(byId("sources"), api);
const state = new StateView(document, feed, posts, sources);
const rates = new Rates();
const filters = new Filters(document, (value) => {
  history.replaceState(null, "", addressOf(chosen, value));
  follow();
});
const undo = new Undo(byId("undo"), { changed: showTopics, away: toFeed });
const topicList = new TopicList(byId("topics"), { toggle, remove });
const addForm = new AddForm(document, add, (name, track) => api.preview(name, track));
const charts = new Charts(byId("charts"), api);
const why = new Why(document, api);
posts.now = () => Date.now() + api.clockOffset;
const alerts = new Alerts(byId("alerts"), () => posts.toTop());

let topics = null; // null: not known yet
let chosen = [];
let lastKnown = {}; // the chosen topics' Kafka topics: a topic that is deleted and added again has a new one
let marked = "";
let first = true;
let asking = false;
let changes = 0; // of topics, made here: an answer to an earlier question is out of date
let timer = 0;

const find = (name) => topics?.find((topic) => topic.name === name);

function toFeed() {
  byId("feed-title").focus({ preventScroll: true });
}

// Reads the past of the topics, and finds out which do not exist.
async function begin(names) {
  const missing = [];
  const query = serverQuery(filters.value);
  const page = async (name, asked) => {
    try {
      return await api.page(name, asked, query);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      missing.push(name);
      return { posts: [], before: null, after: null };
    }
  };
  const passes = textFilter(filters.value.text);
  const position = await posts.begin(names, { page, passes, searching: Boolean(filters.value.text) });
  return { position, missing };
}

// A live post goes to the list, the announcer and the alerts. Only posts that are shown are parsed.
function came(data, position) {
  const entry = posts.add(data, position);
  if (!entry) return;
  if (!posts.paused) announcer.add(entry.label);
  if (alerts.wants(entry.label)) alerts.heard(postOf(entry));
}

function lost(name) {
  posts.drop(name);
  if (!state.gone.includes(name)) state.gone.push(name);
  showState();
}

function choose(names) {
  chosen = names;
  lastKnown = {};
  posts.clear();
  document.title = names.length ? `${names.join(", ")} · Tweetream` : "Tweetream";
  follow();
  showTopics();
}

// Follows the chosen topics with the current filters.
function follow() {
  announcer.hush();
  state.gone = [];
  const names = chosen.filter(isName);
  state.gone.push(...chosen.filter((name) => !isName(name)));
  if (names.length) feed.start(names, serverQuery(filters.value));
  else if (chosen.length) feed.missing();
  else feed.stop();
}

function fromAddress() {
  let names = topicsOf(location.hash);
  const asked = filterOf(location.search);
  const filtered = addressOf([], asked) !== addressOf([], filters.value);
  if (!names.length && first && topics?.length) {
    names = [topics[0].name];
    history.replaceState(null, "", addressOf(names, asked)); // so that "back" does not lead here again
  }
  if (names.length || topics) first = false;
  if (filtered) filters.set(asked);
  if (names.join() !== chosen.join()) choose(names);
  else if (filtered) follow();
}

function toggle(name) {
  location.hash = toggled(chosen, name).join(",");
}

function showTopics() {
  const shown = (topics ?? []).filter((topic) => !undo.has(topic.name));
  topicList.show(shown, chosen, (topic) => rates.of(topic));
  const known = chosen.map(find).filter(Boolean);
  for (const topic of known) lastKnown[topic.name] ??= topic.kafka_topic;
  const labels = (topics ?? []).flatMap((topic) => Object.keys(topic.posts ?? {}));
  filters.labels([...labels, UNSURE]);
  alerts.labels([...labels, UNSURE]);
  const track = [...new Set(known.flatMap((topic) => topic.track))];
  if (track.join("\n") !== marked) posts.mark(new Marker(track));
  marked = track.join("\n");
  setText(byId("feed-title"), chosen.join(", ") || t("feed.title"));
  setText(byId("feed-track"), track.includes("*") ? t("feed.followsAll") : t("feed.follows", { track: track.join(", ") }));
  byId("feed-track").hidden = !track.length || track.join() === chosen.join();
  byId("copy").hidden = byId("csv").hidden = !chosen.length;
  charts.follow(known.map((topic) => topic.name));
  showState();
}

function showState() {
  state.show({ chosen, topics, filtered: filters.active });
}

// A deleted topic that was added again is followed again.
function followAgain() {
  const there = (name) => find(name) && find(name).kafka_topic !== lastKnown[name];
  if (state.gone.some((name) => chosen.includes(name) && there(name))) choose(chosen);
}

function note(text) {
  byId("topics-note").hidden = !text;
  setText(byId("topics-note"), text);
}

async function refresh() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  const [before, offset] = [changes, api.clockOffset];
  try {
    const answer = await api.topics();
    if (before === changes) topics = answer.sort((a, b) => a.name.localeCompare(b.name));
    topics ??= [];
    rates.add(topics, Date.now()); // a clock that goes on while a computer sleeps
    if (api.clockOffset !== offset) posts.refreshTimes();
    if (!topics.length) addForm.offer();
    note(topics.length ? "" : t("topics.none"));
    feed.trust();
    feed.counted(sum(chosen.map((name) => sum(find(name)?.posts))));
    fromAddress();
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

async function add(name, track) {
  undo.keep(name); // a person who adds a topic no longer wants to delete it
  await api.add(name, track);
  changes += 1;
  if (chosen.join() === name) choose([name]);
  else location.hash = name;
  toFeed();
  refresh();
}

function remove(name) {
  const act = async () => {
    await api.remove(name);
    changes += 1;
    topics = topics.filter((topic) => topic.name !== name);
    if (chosen.length < 2) return; // the page then says that this topic was deleted
    chosen = chosen.filter((other) => other !== name);
    history.replaceState(null, "", addressOf(chosen, filters.value));
  };
  undo.start(name, act, (problem) => note(t("topics.notDeleted", { reason: problem.message + waitingText(problem) })));
}

function pauseOrResume() {
  if (posts.paused) posts.resume();
  else posts.pause();
  announcer.hush();
}

function onEscape(event) {
  if (event.target === filters.text && filters.text.value) return filters.clear.click();
  if (!event.target.matches("input, select, .post *, .post")) return false;
  event.target.blur();
}

posts.actions = [
  {
    act: "why",
    text: (post) => t("why.ask", { label: labelText(String(post.label ?? UNSURE)) }),
    run: (post, opener) => why.open({ text: String(post.text ?? ""), label: String(post.label ?? UNSURE), opener, instead: byId("feed-title") }),
  },
];
onLanguage(() => {
  topicList.say();
  filters.say();
  addForm.chips.say();
  posts.rebuild();
  showTopics();
});
listen(document, {
  "/": () => filters.toText(),
  j: () => posts.step(1),
  k: () => posts.step(-1),
  p: () => !byId("pause").hidden && pauseOrResume(),
  Escape: onEscape,
});
addEventListener("hashchange", fromAddress);
addEventListener("popstate", fromAddress);
addEventListener("online", () => feed.resume());
addEventListener("pagehide", () => feed.suspend());
addEventListener("pageshow", (event) => event.persisted && feed.resume());
document.addEventListener("visibilitychange", () => document.hidden || refresh());
byId("pause").addEventListener("click", pauseOrResume);
byId("newest").addEventListener("click", () => {
  posts.toTop();
  toFeed();
});
byId("posts-more").addEventListener("click", () => posts.older(true));
byId("try-now").addEventListener("click", () => feed.resume());
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment of the address holds the topics
  toFeed();
});
byId("csv").addEventListener("click", () => {
  const shown = posts.all;
  if (shown.length) save(shown, chosen);
  byId("copied").textContent = shown.length ? t("csv.saved", { n: shown.length }) : t("csv.nothing");
});
copyButton(byId("copy"), byId("copied"));
chooseLanguageBy(byId("language"));
setInterval(() => state.tick(), 500);
setInterval(() => document.hidden || posts.refreshTimes(), 10000);

translate(document);
filters.set(filterOf(location.search));
if (location.hash) fromAddress();
refresh();
