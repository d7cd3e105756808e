// The map of the page: the address chooses a topic, its feed fills the list, the server's topics are asked
// for every few seconds while the page is seen. State is shown as it is.

import { AddForm } from "./add.js";
import { Api } from "./api.js";
import { Charts } from "./charts.js";
import { Feed } from "./feed.js";
import { number } from "./format.js";
import { PostList } from "./posts.js";
import { Sources } from "./sources.js";
import { tokenAsker } from "./token.js";
import { TopicList } from "./topics.js";

const REFRESH = 4000;
const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const STATES = {
  idle: "No topic chosen",
  connecting: "Connecting…",
  live: "Live",
  doubt: "The server does not answer. What you see may be old.",
  lost: "Connection lost. Reconnecting…",
  waiting: "Connection lost. Reconnecting",
  deleted: "This topic was deleted.",
  missing: "There is no such topic.",
};

const byId = (id) => document.getElementById(id);
const api = new Api(tokenAsker(document));
const feed = new Feed({
  exists: (name) => api.exists(name),
  on: {
    state: showState,
    post: (data) => posts.add(data),
    gap: (gap) => posts.addGap(gap),
    retracted: (id) => posts.retract(id),
  },
});
const posts = new PostList(byId("posts"), showFeed);
const topicList = new TopicList(byId("topics"), remove);
const addForm = new AddForm(document, add);
const charts = new Charts(byId("charts"), api);
new Sources(byId("sources"), api);

let topics = null; // null: not known yet
let chosen = "";
let lastKnown = ""; // the Kafka topic of the chosen one: made anew after a delete, it is another
let asking = false;
let changes = 0; // an answer from before a change of ours is out of date
let timer = 0;

const find = (name) => topics?.find((topic) => topic.name === name);

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function choose(name) {
  chosen = name;
  lastKnown = "";
  posts.clear();
  document.title = name ? `${name} · Tweetream` : "Tweetream";
  if (!name) feed.stop();
  else if (NAME.test(name)) feed.start(name);
  else feed.missing(name);
  showTopics();
}

function fromAddress() {
  let name = location.hash.slice(1);
  try {
    name = decodeURIComponent(name);
  } catch {
    // shown as it is, as a topic that does not exist
  }
  if (!name && topics?.length) {
    name = topics[0].name;
    history.replaceState(null, "", `#${name}`); // so that "back" does not come here again
  }
  if (name !== chosen) choose(name);
}

function showTopics() {
  topicList.show(topics ?? [], chosen);
  const topic = find(chosen);
  const track = topic?.track ?? [];
  if (topic) lastKnown = topic.kafka_topic;
  setText(byId("feed-title"), chosen || "Posts");
  setText(byId("feed-track"), track.includes("*") ? "Follows every post" : `Follows: ${track.join(", ")}`);
  byId("feed-track").hidden = !track.length || (track.length === 1 && track[0] === chosen);
  charts.follow(topic ? [chosen] : []);
  showFeed();
}

function emptyText() {
  if (!chosen && topics === null) return "";
  if (!chosen) return "Add a topic to begin: give it a name, and the words or phrases to follow.";
  if (feed.state.name === "missing") return topics?.length ? "Choose another topic, or add this one." : "Add a topic to begin.";
  if (feed.state.name === "deleted") return "Choose another topic, or add one.";
  return feed.state.name === "live" ? "No posts yet. They appear here as they come in." : "";
}

function showFeed() {
  const text = posts.empty ? emptyText() : "";
  byId("empty").hidden = !text;
  setText(byId("empty"), text);
  const pause = byId("pause");
  pause.hidden = !posts.paused && posts.empty;
  const waiting = posts.waiting ? ` (${number(posts.waiting)} new)` : "";
  setText(pause, posts.paused ? `Resume${waiting}` : "Pause");
  pause.title = posts.overflowing ? "The newest 300 will be shown" : "";
  showState(feed.state);
}

function showState(state) {
  const paused = state.name === "live" && posts.paused;
  byId("state").dataset.state = paused ? "paused" : state.name;
  byId("posts").classList.toggle("over", state.name === "deleted");
  setText(byId("state-text"), paused ? "Paused. New posts wait." : STATES[state.name]);
  byId("try-now").hidden = state.name !== "waiting";
  tick();
}

function tick() {
  const { name, until } = feed.state;
  setText(byId("state-count"), name === "waiting" ? `in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s` : "");
}

// A topic that was gone and is there again, made anew, is followed again.
function followAgain() {
  const topic = find(chosen);
  const back = feed.state.name === "missing" || (feed.state.name === "deleted" && topic?.kafka_topic !== lastKnown);
  if (topic && back) choose(chosen);
}

function note(text) {
  byId("topics-note").hidden = !text;
  setText(byId("topics-note"), text);
}

async function refresh() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  const before = changes;
  try {
    const answer = await api.topics();
    if (before === changes) topics = answer.sort((a, b) => a.name.localeCompare(b.name));
    topics ??= [];
    if (!topics.length) addForm.offer();
    note(topics.length ? "" : "There are no topics yet. Add the first one below.");
    feed.trust();
    fromAddress();
    followAgain();
    showTopics();
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    if (problem.status === 0) feed.doubt();
    note(`The list is not up to date. ${problem.message}`);
  } finally {
    asking = false;
    if (!document.hidden) timer = setTimeout(refresh, before === changes ? REFRESH : 0);
  }
}

async function add(name, track) {
  await api.add(name, track);
  changes += 1;
  if (chosen === name) choose(name);
  else location.hash = name;
  byId("feed-title").focus({ preventScroll: true });
  refresh();
}

async function remove(name) {
  await api.remove(name);
  changes += 1;
  topics = topics.filter((topic) => topic.name !== name);
  showTopics();
  byId("feed-title").focus({ preventScroll: true });
}

addEventListener("hashchange", fromAddress);
addEventListener("online", () => feed.resume());
addEventListener("pagehide", () => feed.suspend());
addEventListener("pageshow", (event) => event.persisted && feed.resume());
document.addEventListener("visibilitychange", () => document.hidden || refresh());
byId("pause").addEventListener("click", () => (posts.paused ? posts.resume() : posts.pause()));
byId("try-now").addEventListener("click", () => feed.resume());
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address is the topic's
  byId("feed-title").focus();
});
setInterval(tick, 500);
setInterval(() => document.hidden || posts.refreshTimes(), 10000);

if (location.hash) fromAddress();
refresh();
