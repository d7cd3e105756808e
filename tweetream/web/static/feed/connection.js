// @ts-check
// Follows feeds by Server-Sent Events, several on one stream, and says truly how that goes. Knows no DOM.
//
// It begins with what `begin` has read. The browser's own retry is not used, since nobody learns when it tries again: after
// a break another stream is opened from the last position, after a growing and jittered delay. EventSource does not tell
// the status of a refusal: so we first ask which topics are still there. The states are in states.js.

import { at } from "../lib/root.js";
import { positionsOf } from "./positions.js";
import { mayFollow } from "./states.js";

const FIRST_DELAY = 3000; // ms; a server that restarts wants its clients spread over this time
const LONGEST_DELAY = 30000;
const LOOK = 150; // ms between looks at whether we have caught up
const SILENCE = 12000; // ms that a stream may be silent about posts that the server has counted
const LULL = 3000; // ms of silence that mean "caught up" too: a filter may hold back the last record

/**
 * @typedef {import("./states.js").StateName} StateName
 * @typedef {{name: StateName, until?: number}} State `until` is when `waiting` ends.
 * @typedef {object} Listeners
 * @property {(state: State) => void} state
 * @property {(data: string, position: string) => void} post
 * @property {(gap: object) => void} gap
 * @property {(id: unknown) => void} retracted
 * @property {(topic: string) => void} gone
 */

/** @returns {any} */
function parsed(data) {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return {};
  }
}

export class FeedConnection {
  #source = /** @type {EventSource | null} */ (null);
  #timer = 0;
  #looking = 0;
  #turn = 0; // an answer to an earlier turn is ignored
  #tries = 0;
  #position = "";
  #begun = false;
  #lastEvent = 0; // when it came
  #count = 0;
  #unseenSince = 0; // since when posts are counted of which no event came
  #probed = 0; // when we asked whether the past can be read
  #probing = false;
  #unreadable = false; // the past could not be read
  #doubted = /** @type {StateName} */ ("live"); // the state before `doubt`
  #query = "";
  #topics = /** @type {string[]} */ ([]);
  #state = /** @type {State} */ ({ name: "idle" });

  /**
   * @param {object} given
   * @param {Partial<Listeners>} given.on
   * @param {(topics: string[]) => Promise<{position: string, missing: string[]}>} given.begin Reads the past.
   * @param {(topic: string) => Promise<boolean | null>} [given.exists] The Api's, as the next two.
   * @param {(topic: string) => Promise<string>} [given.newest]
   * @param {(topic: string) => Promise<boolean>} [given.reads]
   * @param {() => number} [given.random]
   */
  constructor({ on, begin, exists, newest, reads, random = Math.random }) {
    this.on = on;
    this.begin = begin;
    this.exists = exists;
    this.newest = newest;
    this.reads = reads;
    this.random = random;
  }

  get state() {
    return this.#state;
  }

  get position() {
    return this.#position; // after the last event that came
  }

  start(topics, query) {
    this.#close();
    this.#topics = [...topics];
    this.#query = query;
    this.#position = "";
    this.#begun = false;
    this.#tries = 0;
    this.#go();
  }

  stop() {
    this.#close();
    this.#topics = [];
    this.#set("idle");
  }

  // For a page that is put aside and may come back: `resume` goes on from the same position.
  suspend() {
    this.#close();
  }

  // At once, from the last position.
  resume() {
    if (this.#topics.length) this.#go();
  }

  // No such topics, which is known without asking.
  missing() {
    this.stop();
    this.#set("missing");
  }

  // The server answers no other call either. A script cannot see heartbeats, so the stream may be dead.
  doubt() {
    if (this.#is("live", "catching")) {
      this.#doubted = this.#state.name;
      this.#set("doubt");
    }
  }

  // The server answers again. The old stream may be dead, a new one is certain.
  trust() {
    if (this.#is("doubt") && !this.#unreadable) this.#go();
  }

  // The server has counted so many posts of these topics. A stream that stays silent about new ones may be dead, and no
  // error tells: after a sleep, or when a router forgot it.
  async counted(count) {
    const grown = count > this.#count;
    this.#count = count;
    this.#probe();
    if (!this.#is("live")) return;
    if (grown) this.#unseenSince ||= performance.now();
    if (!this.#unseenSince || performance.now() - this.#unseenSince < SILENCE) return;
    this.#unseenSince = 0;
    const [turn, lastEvent] = [this.#turn, this.#lastEvent];
    const goals = await this.#ends();
    if (turn === this.#turn && lastEvent === this.#lastEvent && !this.#reached(goals)) this.#go();
  }

  // A worker whose Kafka is away keeps its streams open and sends nothing. It cannot read the past either, which tells.
  async #probe() {
    const now = performance.now();
    const silent = this.#is("live") && now - Math.max(this.#lastEvent, this.#probed) > SILENCE;
    if (this.#probing || !(silent || (this.#unreadable && this.#is("doubt")))) return;
    this.#probing = true;
    const turn = this.#turn;
    const reads = await this.reads(this.#topics[0]);
    this.#probing = false;
    this.#probed = performance.now();
    if (turn !== this.#turn) return;
    const was = this.#unreadable;
    this.#unreadable = !reads;
    if (!reads) this.doubt();
    else if (was && this.#is("doubt")) this.#go();
  }

  #is(...names) {
    return names.includes(this.#state.name);
  }

  /** @param {StateName} name @param {number} [until] */
  #set(name, until) {
    if (!mayFollow(this.#state.name, name)) throw new Error(`the feed went from ${this.#state.name} to ${name}`);
    this.#state = { name, until };
    this.on.state(this.#state);
  }

  #close() {
    this.#turn += 1;
    this.#unreadable = false;
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    this.#source?.close();
    this.#source = null;
  }

  async #go() {
    this.#close();
    const turn = this.#turn;
    this.#set("connecting");
    if (this.#begun) return this.#open(true);
    try {
      const { position, missing } = await this.begin(this.#topics);
      if (turn !== this.#turn) return;
      this.#begun = true;
      this.#position = position;
      if (this.#lose(missing, "missing")) this.#open(false);
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      if (turn === this.#turn) this.#wait(problem.wait);
    }
  }

  // Whether topics are left without these; where none is, `state` is the last.
  #lose(gone, state) {
    this.#topics = this.#topics.filter((name) => !gone.includes(name));
    for (const name of gone) this.on.gone(name);
    if (this.#topics.length) return true;
    this.#close();
    this.#set(state);
    return false;
  }

  #address() {
    // Without a position no topic has a post yet; `last` gives those that come before the stream is open.
    const from = this.#position ? `last_event_id=${encodeURIComponent(this.#position)}` : "last=50";
    return `/feeds/${this.#topics.map(encodeURIComponent).join(",")}?${from}${this.#query && `&${this.#query}`}`;
  }

  #open(again) {
    const source = new EventSource(at(this.#address()));
    this.#source = source;
    const listen = (type, act) =>
      source.addEventListener(type, (event) => {
        if (this.#source !== source) return;
        this.#heard(event);
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

  #heard(event) {
    if (event.lastEventId) this.#position = event.lastEventId;
    this.#lastEvent = performance.now();
    this.#unseenSince = 0;
    this.#unreadable = false;
    if (this.#is("doubt")) this.#set(this.#doubted); // a stream that had not caught up has not done so by one event
  }

  #opened(again) {
    this.#tries = 0;
    if (again && this.#position) this.#catchUp();
    else this.#set("live");
  }

  // Caught up: at the newest post that each topic had when the stream began.
  async #catchUp() {
    const turn = this.#turn;
    this.#set("catching");
    this.#lastEvent = performance.now();
    const goals = await this.#ends();
    if (turn !== this.#turn) return;
    const look = () => {
      if (!this.#is("catching")) return; // in doubt: it goes on when an event has come
      if (!this.#reached(goals) && performance.now() - this.#lastEvent < LULL) return;
      clearInterval(this.#looking);
      this.#set("live");
    };
    this.#looking = setInterval(look, LOOK);
    look();
  }

  // The position of the newest post of each topic, where the server tells it.
  async #ends() {
    const ends = await Promise.all(this.#topics.map((name) => this.newest(name)));
    return Object.entries(Object.assign({}, ...ends.map(positionsOf)));
  }

  #reached(goals) {
    const here = positionsOf(this.#position);
    return goals.every(([name, end]) =>
      !this.#topics.includes(name) || (here[name]?.generation === end.generation && here[name].offset >= end.offset));
  }

  #failed(source) {
    const refused = source.readyState === EventSource.CLOSED;
    this.#close();
    if (refused) this.#refused();
    else this.#wait();
  }

  async #refused() {
    const turn = this.#turn;
    this.#set("lost");
    const there = await Promise.all(this.#topics.map((name) => this.exists(name)));
    if (turn !== this.#turn) return;
    const gone = this.#topics.filter((_, nth) => there[nth] === false);
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
    this.#set("waiting", Date.now() + delay);
  }
}
