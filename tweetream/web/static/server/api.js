// @ts-check
// Talks to the server's REST interface. Every failure is a Problem whose message can be shown as it is.
//
// Where the server refuses a call without a token, the person is asked for one and the call is sent again. The token stays
// in this tab. Where reading needs a token too, it is sent once to begin a session: its cookie also opens streams, which
// cannot send a token. The server's own error texts are shown unchanged.

import { at } from "../lib/root.js";
import { retryAfter } from "../words/format.js";
import { t } from "../words/words.js";

const KEY = "tweetream-token";

export class Problem extends Error {
  // status 0: no answer came.
  constructor(status, message, wait = 0) {
    super(message);
    this.status = status;
    this.wait = wait;
  }
}

function token() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // storage can be forbidden; then the token is asked for each time
  }
}

function keepToken(value) {
  try {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  } catch {
    // see token()
  }
}

async function problemOf(response) {
  let body = {};
  try {
    body = (await response.json()) ?? {};
  } catch {
    // not JSON, for example the answer of a proxy
  }
  const said = [body.title, body.detail].filter((part) => typeof part === "string" && part);
  const message = said.length ? said.join(": ") : t("server.answered", { status: `${response.status} ${response.statusText}`.trim() });
  return new Problem(response.status, message, retryAfter(response.headers.get("Retry-After"), Date.now()));
}

// Of a file (`signal` ends it) the answer itself is returned.
async function call(method, path, { body = undefined, bearer = "", timeout = 10000, cache = /** @type {RequestCache} */ ("no-store"), signal = /** @type {AbortSignal | null} */ (null) } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  let response;
  try {
    response = await fetch(at(path), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ?? AbortSignal.timeout(timeout),
      cache,
    });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new Problem(0, t(late ? "server.late" : "server.away"));
  }
  if (!response.ok) throw await problemOf(response);
  if (signal) return response;
  if (response.status === 204) return { status: 204, data: null };
  const date = Date.parse(response.headers.get("Date") ?? "");
  try {
    return { status: response.status, data: await response.json(), date };
  } catch {
    throw new Problem(0, t("server.unreadable"));
  }
}

/**
 * @typedef {{name: string, track: string[], created_at: string, kafka_topic: string, posts: Record<string, number>}} Topic
 * @typedef {{minute: string, labels: Record<string, number>, sources: Record<string, number>}} Minute
 */

export class Api {
  #beginning = /** @type {Promise<boolean> | null} */ (null); // several calls at a time wait for the same session
  #declined = false; // the person gave no token to read with, and is not asked again until there is one
  #useless = /** @type {string | null} */ (null); // the token with which previews are refused

  // askToken(reason) resolves to a token, or to "" when the person cancels.
  constructor(askToken) {
    this.askToken = askToken;
    this.stored = /** @type {boolean | null} */ (null); // whether the server has an archive; null: not known
    this.clockOffset = 0; // ms from our clock to the server's; the header Date has whole seconds
  }

  /** @returns {Promise<Topic[]>} */
  topics() {
    return this.#list("/topics", "no-cache"); // the browser has it, and the server says whether it is still so
  }

  // The last hour by minutes, of which the last is still running; from `since` (ms) on by hours, null without an archive.
  /** @returns {Promise<Minute[] | null>} */
  async stats(name, since = 0) {
    if (since && !(await this.#isStored())) return null;
    return this.#list(`/topics/${encodeURIComponent(name)}/stats?${since ? `since=${since}&step=hour` : "minutes=60"}`);
  }

  sources() {
    return this.#list("/sources");
  }

  // {label, score, decision, bias, words: [[word, weight], …]} of a text as it was written
  async why(text) {
    const { data } = await this.#read("POST", "/classify", { body: { texts: [text] } });
    if (!Array.isArray(data?.[0]?.words)) throw new Problem(0, t("server.unreadable"));
    return data[0];
  }

  // Resolves to null when the server does not answer
  async exists(name) {
    try {
      await this.#read("GET", `/topics/${encodeURIComponent(name)}`);
      return true;
    } catch (problem) {
      return problem.status === 404 ? false : null;
    }
  }

  // A page of a topic's past: {posts, before, after}; `query` is a filter. A topic that is not there has none.
  async page(name, { before = "", last }, query = "") {
    const place = before ? `&before=${encodeURIComponent(before)}` : "";
    const path = `/topics/${encodeURIComponent(name)}/posts?last=${last}${place}${query && `&${query}`}`;
    const { data } = await this.#read("GET", path, { timeout: 20000 });
    if (!Array.isArray(data?.posts)) throw new Problem(0, t("server.unreadable"));
    return data;
  }

  // A page of the archive, newest first: {posts, before}; `query` is a filter, `until` ms. Null if the server has no archive.
  async search(name, { before = "", until = Infinity, last }, query = "") {
    if (!(await this.#isStored())) return null;
    const place = before ? `&before=${encodeURIComponent(before)}` : Number.isFinite(until) ? `&until=${until}` : "";
    try {
      const { data } = await this.#read("GET", `/search?topic=${encodeURIComponent(name)}&last=${last}${place}${query && `&${query}`}`, { timeout: 20000 });
      if (!Array.isArray(data?.posts)) throw new Problem(0, t("server.unreadable"));
      this.stored = true;
      return data;
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      this.stored = false;
      return null;
    }
  }

  // Whether the server has an archive. Asked for before a call that would be refused without one: a browser's console names
  // each refusal as an error.
  async #isStored() {
    if (this.stored === null) await this.archive();
    return this.stored;
  }

  // All posts that the feed of a topic keeps, or those of the archive, oldest first, for `linesOf`; `query` is a filter.
  async file(name, query, signal, archived = false) {
    const asked = [archived && "from=archive", query].filter(Boolean).join("&");
    return this.#read("GET", `/topics/${encodeURIComponent(name)}/posts.jsonl${asked && `?${asked}`}`, { signal });
  }

  // {state, lag, reason} of the archive; the state is "none" where there is none
  async archive() {
    try {
      const { data } = await this.#read("GET", "/archive");
      this.stored = data.state !== "none";
      return data;
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      this.stored = false;
      return { state: "none" };
    }
  }

  // Whether the past of a topic can be read, which needs Kafka
  async reads(name) {
    try {
      await this.page(name, { last: 1 });
      return true;
    } catch (problem) {
      return ![0, 502, 503, 504].includes(problem.status);
    }
  }

  // The position of a topic's newest post, or "" when the server does not tell it
  async newest(name) {
    try {
      return (await this.page(name, { last: 1 })).after ?? "";
    } catch {
      return "";
    }
  }

  // What a topic would have matched in the last hour: {matches, posts, warnings}. Null if this person may not ask; nobody
  // is asked for a token while they type.
  async preview(name, track) {
    const bearer = token();
    if (bearer === this.#useless) return null;
    try {
      const body = track.length ? { name, track } : { name };
      return (await call("POST", "/topics?dry_run=true", { body, bearer, timeout: 20000 })).data;
    } catch (problem) {
      if (problem.status !== 401 && problem.status !== 403) throw problem;
      this.#useless = bearer;
      return null;
    }
  }

  // With an empty track the server uses the name; `backfill` ("7d") is how far back stored posts are looked for. It may
  // take 15 s to answer.
  async add(name, track, backfill = "") {
    const body = { name, ...(track.length ? { track } : {}), ...(backfill ? { backfill } : {}) };
    const { status, data } = await this.#change("POST", "/topics", body);
    return { made: status === 201, topic: data };
  }

  // The words of a topic from now on.
  async edit(name, track) {
    return (await this.#change("PATCH", `/topics/${encodeURIComponent(name)}`, { track })).data;
  }

  // The rule of a topic for alerts of the server; null takes it away.
  async setAlert(name, rule) {
    await this.#change("PATCH", `/topics/${encodeURIComponent(name)}`, { alert: rule });
  }

  // Whether the server sends the alerts of topics' rules
  async sendsAlerts() {
    return (await this.#read("GET", "/alerts")).data?.sends !== false;
  }

  async remove(name) {
    try {
      await this.#change("DELETE", `/topics/${encodeURIComponent(name)}`);
    } catch (problem) {
      if (problem.status !== 404) throw problem; // it was deleted before
    }
  }

  async #list(path, cache = /** @type {RequestCache} */ ("no-store")) {
    const { data, date } = await this.#read("GET", path, { cache });
    const offset = date + 500 - Date.now();
    if (!Number.isNaN(offset)) this.clockOffset = Math.abs(offset) > 2000 ? offset : 0;
    if (!Array.isArray(data)) throw new Problem(0, t("server.unreadable"));
    return data;
  }

  async #read(method, path, options = {}) {
    try {
      return await call(method, path, options);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      this.#beginning ??= this.#begin(problem.message).finally(() => (this.#beginning = null));
      if (await this.#beginning) return await call(method, path, options);
      throw problem;
    }
  }

  // Begins a session with this tab's token, or with one that the person gives. Whether there is one.
  async #begin(reason) {
    let bearer = token();
    for (;;) {
      if (!bearer) bearer = this.#declined ? "" : await this.askToken(reason);
      this.#declined = !bearer;
      if (!bearer) return false;
      try {
        await call("POST", "/session", { bearer });
        keepToken(bearer);
        return true;
      } catch (problem) {
        if (problem.status !== 401 && problem.status !== 403) throw problem;
        keepToken("");
        [bearer, reason] = ["", problem.message];
      }
    }
  }

  async #change(method, path, body) {
    let bearer = token();
    for (;;) {
      try {
        const answer = await call(method, path, { body, bearer, timeout: 30000 });
        if (bearer) keepToken(bearer);
        return answer;
      } catch (problem) {
        if (problem.status !== 401 && problem.status !== 403) throw problem;
        keepToken("");
        bearer = await this.askToken(problem.message);
        if (!bearer) throw problem;
      }
    }
  }
}
