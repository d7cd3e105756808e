// Follows feeds by Server-Sent Events, several on one stream, and says truly how that goes. Knows no DOM.
//
// It begins with what `begin` read and goes on from there. A stream that broke is not left to the browser, which would not
// say when it tries again: another one is opened, from the last position, after a growing and jittered delay. An answer
// other than 200 comes without telling why: then we ask first which topics are still there.
//
// States: idle, connecting, catching (up with what came while there was no stream), live, doubt (the stream is open but the
// server answers nothing else, or cannot read the past), lost (we ask what is there), waiting (until a time, then we
// reconnect), deleted, missing.

import { positionsOf } from "./positions.js";

const FIRST_DELAY = 3000; // as far apart as a server that begins anew wants its clients
const LONGEST_DELAY = 30000;
const LOOK = 150; // ms between looks at whether we have caught up
const DEAF = 12000; // ms that a stream may be silent about posts that the server has counted
const LULL = 3000; // ms of silence that say so too: the last record may be one that nobody is sent

function parsed(data) {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return {};
  }
}

export class Feed {
  #source = null;
  #timer = 0;
  #looking = 0;
  #turn = 0; // answers that belong to an earlier turn are ignored
  #tries = 0;
  #position = "";
  #begun = false;
  #heard = 0; // when the last event came
  #count = 0;
  #owed = 0; // since when posts are counted of which no event came
  #probed = 0; // when it was asked whether the past can be read
  #probing = false;
  #blind = false; // it could not
  #query = "";

  // on: {state(state), post(data, position), gap(gap), retracted(id), gone(topic)};
  // begin() resolves to {position, missing} when the past is there; exists(topic), newest(topic) and reads(topic) are the Api's.
  constructor({ on, begin, exists, newest, reads, random = Math.random }) {
    Object.assign(this, { on, begin, exists, newest, reads, random });
    this.topics = [];
    this.state = { name: "idle" };
  }

  start(topics, query) {
    this.#close();
    this.topics = [...topics];
    this.#query = query;
    this.#position = "";
    this.#begun = false;
    this.#tries = 0;
    this.#go();
  }

  stop() {
    this.#close();
    this.topics = [];
    this.#set({ name: "idle" });
  }

  // For a page that is put aside and may come back: nothing is missed in between.
  suspend() {
    this.#close();
  }

  // At once, from the last position.
  resume() {
    if (this.topics.length) this.#go();
  }

  // No such topics, which is known without asking.
  missing() {
    this.stop();
    this.#set({ name: "missing" });
  }

  // The server answers no other call either: heartbeats cannot be seen from here, so the stream may be dead.
  doubt() {
    if (["live", "catching"].includes(this.state.name)) this.#set({ name: "doubt" });
  }

  // It answers again. A new stream is certain where the old one may be dead.
  trust() {
    if (this.state.name === "doubt" && !this.#blind) this.#go();
  }

  // The server has counted so many posts of these topics. A stream that stays silent about new ones may be dead with nobody
  // to say so: after a sleep, or behind a router that forgot it.
  async counted(count) {
    const grown = count > this.#count;
    this.#count = count;
    this.#probe();
    if (this.state.name !== "live") return;
    if (grown) this.#owed ||= performance.now();
    if (!this.#owed || performance.now() - this.#owed < DEAF) return;
    this.#owed = 0;
    const [turn, heard] = [this.#turn, this.#heard];
    const goals = await this.#ends();
    if (turn === this.#turn && heard === this.#heard && !this.#reached(goals)) this.#go();
  }

  // A worker whose Kafka is away keeps its streams, and has nothing for them; that the past cannot be read tells.
  async #probe() {
    const now = performance.now();
    const silent = this.state.name === "live" && now - Math.max(this.#heard, this.#probed) > DEAF;
    if (!silent && !(this.#blind && this.state.name === "doubt")) return;
    if (this.#probing) return;
    this.#probing = true;
    const turn = this.#turn;
    const reads = await this.reads(this.topics[0]);
    this.#probing = false;
    this.#probed = performance.now();
    if (turn !== this.#turn) return;
    const was = this.#blind;
    this.#blind = !reads;
    if (!reads) this.doubt();
    else if (was && this.state.name === "doubt") this.#go();
  }

  #set(state) {
    this.state = state;
    this.on.state(state);
  }

  #close() {
    this.#turn += 1;
    this.#blind = false;
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    this.#source?.close();
    this.#source = null;
  }

  async #go() {
    this.#close();
    const turn = this.#turn;
    this.#set({ name: "connecting" });
    if (this.#begun) return this.#open(true);
    try {
      const { position, missing } = await this.begin(this.topics);
      if (turn !== this.#turn) return;
      this.#begun = true;
      this.#position = position;
      if (this.#lose(missing, "missing")) this.#open(false);
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      if (turn === this.#turn) this.#wait(problem.wait);
    }
  }

  // Whether there are topics left without these.
  #lose(gone, state) {
    this.topics = this.topics.filter((name) => !gone.includes(name));
    for (const name of gone) this.on.gone(name, state);
    if (this.topics.length) return true;
    this.#close();
    this.#set({ name: state });
    return false;
  }

  #open(again) {
    // Without a position no topic has a post yet, and what comes until the stream is there is not to be missed.
    const place = this.#position ? `last_event_id=${encodeURIComponent(this.#position)}` : "last=50";
    const source = new EventSource(`/feeds/${this.topics.map(encodeURIComponent).join(",")}?${place}${this.#query && `&${this.#query}`}`);
    this.#source = source;
    const listen = (type, act) =>
      source.addEventListener(type, (event) => {
        if (this.#source !== source) return;
        if (event.lastEventId) this.#position = event.lastEventId;
        this.#heard = performance.now();
        this.#owed = 0;
        this.#blind = false;
        if (this.state.name === "doubt") this.#set({ name: "live" });
        act(event);
      });
    source.onopen = () => this.#source === source && this.#opened(again);
    source.onerror = () => this.#source === source && this.#failed(source);
    listen("message", (event) => this.on.post(event.data, event.lastEventId));
    listen("gap", (event) => this.on.gap(parsed(event.data)));
    listen("retracted", (event) => this.on.retracted(parsed(event.data).id));
    listen("position", () => {});
    listen("deleted", (event) => this.#lose([parsed(event.data).topic], "deleted"));
  }

  #opened(again) {
    this.#tries = 0;
    if (again && this.#position) this.#catchUp();
    else this.#set({ name: "live" });
  }

  // Caught up: at the newest there was when the stream began, in every topic.
  async #catchUp() {
    const turn = this.#turn;
    this.#set({ name: "catching" });
    this.#heard = performance.now();
    const goals = await this.#ends();
    if (turn !== this.#turn || this.state.name !== "catching") return;
    clearInterval(this.#looking);
    const look = () => {
      if (!this.#reached(goals) && performance.now() - this.#heard < LULL) return;
      clearInterval(this.#looking);
      if (this.state.name === "catching") this.#set({ name: "live" });
    };
    this.#looking = setInterval(look, LOOK);
    look();
  }

  // The newest there is, in every topic, as far as that can be told.
  async #ends() {
    const ends = await Promise.all(this.topics.map((name) => this.newest(name)));
    return Object.entries(Object.assign({}, ...ends.map(positionsOf)));
  }

  #reached(goals) {
    const here = positionsOf(this.#position);
    return goals.every(([name, end]) =>
      !this.topics.includes(name) || (here[name]?.generation === end.generation && here[name].offset >= end.offset));
  }

  #failed(source) {
    const refused = source.readyState === EventSource.CLOSED;
    this.#close();
    if (refused) this.#ended();
    else this.#wait();
  }

  async #ended() {
    const turn = this.#turn;
    this.#set({ name: "lost" });
    const there = await Promise.all(this.topics.map((name) => this.exists(name)));
    if (turn !== this.#turn) return;
    const gone = this.topics.filter((_, nth) => there[nth] === false);
    if (!this.#lose(gone, "deleted")) return;
    if (gone.length && this.#tries === 0) this.#go();
    else this.#wait();
  }

  // `asked`: seconds that the server wants us to stay away, at least.
  #wait(asked = 0) {
    const longest = Math.min(FIRST_DELAY * 2 ** this.#tries, LONGEST_DELAY);
    const delay = Math.max(longest * (0.5 + this.random() / 2), asked * 1000);
    this.#tries += 1;
    this.#timer = setTimeout(() => this.#go(), delay);
    this.#set({ name: "waiting", until: Date.now() + delay });
  }
}
