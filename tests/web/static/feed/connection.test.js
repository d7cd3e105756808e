// The connection to a feed: what the server and the line do, and the state that the page shows for it.

import assert from "node:assert/strict";
import { after, beforeEach, mock, test } from "node:test";
import { FeedConnection } from "#page/feed/connection.js";
import { STATES } from "#page/feed/states.js";

const went = new Set(); // "state > state", of all tests
let now = 0;
let sources = [];

// A browser's stream, driven by the test.
class Source extends EventTarget {
  static CLOSED = 2;
  readyState = 0;

  constructor(url) {
    super();
    this.url = url;
    sources.push(this);
  }

  close() {
    this.readyState = Source.CLOSED;
  }

  opens() {
    this.readyState = 1;
    this.onopen();
  }

  breaks(refused = false) {
    this.readyState = refused ? Source.CLOSED : 0;
    this.onerror();
  }

  gives(type, data = "", lastEventId = "") {
    this.dispatchEvent(Object.assign(new Event(type), { data, lastEventId }));
  }
}

const settled = async () => {
  for (let n = 0; n < 20; n += 1) await null;
};

async function pass(ms) {
  for (let left = ms; left > 0; left -= 50) {
    now += 50;
    mock.timers.tick(50);
    await settled();
  }
}

// A connection to topic `a`, with a server that can be told what to answer.
function following(server = {}) {
  const answers = {
    position: "a@g:1",
    newest: "a@g:1",
    missing: [],
    exists: true,
    reads: true,
    fault: null,
    ...server,
  };
  const states = ["idle"];
  const told = { posts: [], gone: [] };
  const feed = new FeedConnection({
    on: {
      state: ({ name }) => {
        went.add(`${states.at(-1)} > ${name}`);
        states.push(name);
      },
      post: (data) => told.posts.push(data),
      gap: () => {},
      retracted: () => {},
      gone: (name) => told.gone.push(name),
    },
    begin: async () => {
      if (answers.fault) throw Object.assign(new Error("no"), answers.fault);
      return { position: answers.position, missing: answers.missing };
    },
    exists: async () => answers.exists,
    newest: async () => answers.newest,
    reads: async () => answers.reads,
    random: () => 1,
  });
  return { feed, states, told, answers, last: () => sources.at(-1) };
}

// The same, on a stream that is open and live.
async function live(server) {
  const made = following(server);
  made.feed.start(["a"], "");
  await settled();
  made.last().opens();
  assert.equal(made.feed.state.name, "live");
  return made;
}

// The same, on its second stream, which has not caught up: a post is missing.
async function catching(server) {
  const made = await live(server);
  made.answers.newest = "a@g:2";
  made.last().breaks();
  await pass(3000);
  made.last().opens();
  await settled();
  assert.equal(made.feed.state.name, "catching");
  return made;
}

beforeEach(() => {
  now = 100_000;
  sources = [];
  mock.timers.reset();
  mock.restoreAll();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  mock.method(performance, "now", () => now);
  globalThis.EventSource = Source;
});

for (const [wait, least, most] of [[0, 1500, 3000], [40, 40_000, 40_000]]) {
  test(`a server that asks for ${wait} s is not asked before`, async () => {
    const { feed } = following({ fault: { status: 503, wait } });
    const before = Date.now();
    feed.start(["macet"], "");
    await settled();
    assert.equal(feed.state.name, "waiting");
    const delay = feed.state.until - before;
    assert.ok(least <= delay && delay <= most + 1000, String(delay));
  });
}

test("a stream that broke is opened again from the last position, and is live when it has caught up", async () => {
  const { feed, states, last, told } = await catching();
  assert.match(last().url, /last_event_id=a%40g%3A1$/);
  await pass(1000);
  assert.equal(feed.state.name, "catching");
  last().gives("message", "{}", "a@g:2");
  await pass(150);
  assert.deepEqual(states.slice(-4), ["waiting", "connecting", "catching", "live"]);
  assert.deepEqual(told.posts, ["{}"]);
});

test("a stream that has nothing to send has caught up after a lull", async () => {
  const { feed } = await catching();
  await pass(2800);
  assert.equal(feed.state.name, "catching");
  await pass(400);
  assert.equal(feed.state.name, "live");
});

test("a doubt while it catches up does not make it live by the first event", async () => {
  const { feed, states, last } = await catching();
  feed.doubt();
  assert.equal(feed.state.name, "doubt");
  last().gives("position", "{}", "a@g:1");
  assert.equal(feed.state.name, "catching", "the post is still missing");
  last().gives("message", "{}", "a@g:2");
  await pass(150);
  assert.equal(feed.state.name, "live");
  assert.deepEqual(states.slice(-4), ["catching", "doubt", "catching", "live"]);
});

test("a doubt ends by an event, or by a new stream when the server answers again", async () => {
  const { feed, last } = await live();
  feed.doubt();
  last().gives("message", "{}", "a@g:2");
  assert.equal(feed.state.name, "live");
  feed.doubt();
  feed.trust();
  assert.equal(feed.state.name, "connecting");
  assert.equal(sources.length, 2);
});

test("a worker that cannot read the past is in doubt until it can, whatever else it answers", async () => {
  const { feed, answers } = await live({ reads: false });
  await pass(13_000);
  await feed.counted(0);
  await settled();
  assert.equal(feed.state.name, "doubt");
  feed.trust();
  assert.equal(feed.state.name, "doubt");
  answers.reads = true;
  await feed.counted(0);
  await settled();
  assert.equal(feed.state.name, "connecting");
});

test("a stream that is silent about posts that were counted is opened again", async () => {
  const { feed, answers } = await live();
  await feed.counted(1);
  answers.newest = "a@g:2";
  await pass(13_000);
  await feed.counted(1);
  await settled();
  assert.equal(feed.state.name, "connecting");
});

test("a refused stream asks which topics are there", async () => {
  for (const [exists, state] of [[false, "deleted"], [true, "waiting"], [null, "waiting"]]) {
    const { feed, states, last } = await live({ exists });
    last().breaks(true);
    await settled();
    assert.deepEqual([states.at(-2), feed.state.name], ["lost", state]);
  }
});

test("one of two topics that is gone is named, and the other goes on at once", async () => {
  const { feed, told, last } = following();
  feed.exists = async (name) => name !== "b";
  feed.start(["a", "b"], "label=x");
  await settled();
  last().opens();
  last().breaks(true);
  await settled();
  assert.deepEqual(told.gone, ["b"]);
  assert.equal(feed.state.name, "connecting");
  assert.match(last().url, /^\/feeds\/a\?.*&label=x$/);
});

test("a topic that is not there is missing, and one that is deleted is deleted", async () => {
  const { feed, told } = following({ missing: ["a"] });
  feed.start(["a"], "");
  await settled();
  assert.equal(feed.state.name, "missing");
  assert.deepEqual(told.gone, ["a"]);
  const other = await live();
  other.last().gives("deleted", '{"topic":"a"}');
  assert.equal(other.feed.state.name, "deleted");
});

test("a page that comes back goes on from its position, and old answers change nothing", async () => {
  const { feed, last } = await live();
  last().gives("message", "{}", "a@g:7");
  const before = last();
  feed.suspend();
  before.gives("message", "{}", "a@g:8");
  feed.resume();
  assert.match(last().url, /a%40g%3A7/);
});

// The ways to each state, for those transitions that no other test goes.
const WAYS = {
  idle: async () => following(),
  connecting: async () => {
    const made = following();
    made.feed.start(["a"], "");
    await settled();
    return made;
  },
  catching,
  live,
  doubt: async () => {
    const made = await live();
    made.feed.doubt();
    return made;
  },
  lost: async () => {
    const made = await live({ exists: new Promise(() => {}) });
    made.last().breaks(true);
    return made;
  },
  waiting: async () => {
    const made = await live();
    made.last().breaks();
    return made;
  },
  deleted: async () => {
    const made = await live();
    made.last().gives("deleted", '{"topic":"a"}');
    return made;
  },
  missing: async () => {
    const made = following({ missing: ["a"] });
    made.feed.start(["a"], "");
    await settled();
    return made;
  },
};

for (const name of Object.keys(STATES)) {
  test(`from ${name} a person can choose another topic or none, and a line that breaks is told`, async () => {
    for (const act of [
      ({ feed }) => feed.stop(),
      ({ feed }) => feed.start(["a"], ""),
      ({ last }) => last()?.readyState < 2 && last().breaks(),
      ({ last }) => last()?.readyState < 2 && last().breaks(true),
      ({ last }) => last()?.readyState === 1 && last().gives("deleted", '{"topic":"a"}'),
      ({ feed }) => feed.missing(),
    ]) {
      const made = await WAYS[name]();
      assert.equal(made.feed.state.name, name);
      act(made);
      await settled();
    }
  });
}

after(() => {
  const allowed = Object.entries(STATES).flatMap(([name, { next }]) => next.map((to) => `${name} > ${to}`));
  assert.deepEqual([...went].sort(), allowed.sort(), "the table names the transitions there are, and no other");
});
