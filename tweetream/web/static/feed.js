// Follows one feed by Server-Sent Events and says truly how that goes. Knows no DOM.
//
// While the browser reconnects by itself it resumes by Last-Event-ID. An answer other than 200 ends an
// EventSource for good, without telling why: then we ask whether the topic is still there and open
// another one, from the last position, after a growing and jittered delay.
//
// States: idle, connecting, live, doubt (the stream is open but the server answers nothing else),
// lost (the browser reconnects), waiting (until a time, then we reconnect), deleted, missing.

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 30000;

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
  #turn = 0; // answers that belong to an earlier turn are ignored
  #tries = 0;
  #position = "";
  #opened = false;

  // on: {state(state), post(data), gap(data), retracted(id)}; exists(topic) is the Api's.
  constructor({ on, exists, random = Math.random }) {
    this.on = on;
    this.exists = exists;
    this.random = random;
    this.topic = "";
    this.state = { name: "idle" };
  }

  start(topic) {
    this.stop();
    this.topic = topic;
    this.#position = "";
    this.#opened = false;
    this.#tries = 0;
    this.#open();
  }

  stop() {
    this.#close();
    this.topic = "";
    this.#set({ name: "idle" });
  }

  // For a page that is put aside and may come back: nothing is missed in between.
  suspend() {
    this.#close();
  }

  // At once, from the last position.
  resume() {
    if (this.topic && this.state.name !== "deleted" && this.state.name !== "missing") this.#open();
  }

  // A topic of that name is known not to exist: no stream is needed to find out.
  missing(topic) {
    this.stop();
    this.topic = topic;
    this.#set({ name: "missing" });
  }

  // The server answers no other call either: heartbeats cannot be seen from here, so the stream may be dead.
  doubt() {
    if (this.state.name === "live") this.#set({ name: "doubt" });
  }

  // It answers again. A new stream is certain where the old one may be dead.
  trust() {
    if (this.state.name === "doubt") this.#open();
  }

  #set(state) {
    this.state = state;
    this.on.state(state);
  }

  #close() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #open() {
    this.#close();
    this.#set({ name: "connecting" });
    const query = this.#position ? `last_event_id=${encodeURIComponent(this.#position)}` : "last=50";
    const source = new EventSource(`/feeds/${encodeURIComponent(this.topic)}?${query}`);
    this.#source = source;
    const listen = (type, act) =>
      source.addEventListener(type, (event) => {
        if (this.#source !== source) return;
        if (event.lastEventId) this.#position = event.lastEventId;
        if (this.state.name === "doubt") this.#set({ name: "live" });
        act(event);
      });
    source.onopen = () => this.#source === source && this.#live();
    source.onerror = () => this.#source === source && this.#failed(source);
    listen("message", (event) => this.on.post(event.data));
    listen("gap", (event) => this.on.gap(parsed(event.data)));
    listen("retracted", (event) => this.on.retracted(parsed(event.data).id));
    listen("position", () => {});
    listen("deleted", () => {
      this.#close();
      this.#set({ name: "deleted" });
    });
  }

  #live() {
    this.#opened = true;
    this.#tries = 0;
    this.#set({ name: "live" });
  }

  #failed(source) {
    if (source.readyState === EventSource.CLOSED) this.#ended();
    else if (this.state.name !== "lost") this.#set({ name: "lost" });
  }

  async #ended() {
    this.#close();
    const turn = this.#turn;
    this.#set({ name: "lost" });
    const there = await this.exists(this.topic);
    if (turn !== this.#turn) return;
    if (there === false) this.#set({ name: this.#opened ? "deleted" : "missing" });
    else this.#wait();
  }

  #wait() {
    const longest = Math.min(FIRST_DELAY * 2 ** this.#tries, LONGEST_DELAY);
    const delay = longest * (0.5 + this.random() / 2);
    this.#tries += 1;
    this.#timer = setTimeout(() => this.#open(), delay);
    this.#set({ name: "waiting", until: Date.now() + delay });
  }
}
