// @ts-check
// The nine states of the connection to a feed, in one table. Knows no DOM.

/**
 * @typedef {"idle" | "connecting" | "catching" | "live" | "doubt" | "lost" | "waiting" | "deleted" | "missing"} StateName
 * @typedef {object} Rule
 * @property {string} text The key of the words that the page shows.
 * @property {string} ends The event that ends the state. Another choice of topics ends every state.
 * @property {StateName[]} next The states that may follow.
 * @property {boolean} [tryNow] Whether a person may end the wait.
 * @property {boolean} [over] Whether nothing more can come, so that the list is shown as a thing of the past.
 */

/** @type {Record<StateName, Rule>} */
export const STATES = {
  idle: { text: "state.idle", ends: "topics are chosen", next: ["idle", "connecting", "missing"] },
  connecting: {
    text: "state.connecting",
    ends: "the stream opens or fails, or no topic is there",
    next: ["idle", "connecting", "catching", "live", "lost", "waiting", "missing"],
  },
  catching: {
    text: "state.catching",
    ends: "the newest post of the time of opening is here, or nothing came for a while",
    next: ["idle", "connecting", "live", "doubt", "lost", "waiting", "deleted"],
  },
  live: {
    text: "state.live",
    ends: "the stream fails or stays silent, the server does not answer, or all topics are deleted",
    next: ["idle", "connecting", "doubt", "lost", "waiting", "deleted"],
  },
  doubt: {
    text: "state.doubt",
    ends: "an event comes, the server answers again, or the stream fails",
    next: ["idle", "connecting", "catching", "live", "lost", "waiting"],
  },
  lost: {
    text: "state.lost",
    ends: "the server has said which topics are there",
    next: ["idle", "connecting", "waiting", "deleted"],
  },
  waiting: { text: "state.waiting", ends: "the time is over", next: ["idle", "connecting"], tryNow: true },
  deleted: { text: "state.deleted", ends: "the topic is made again", next: ["idle", "connecting"], over: true },
  missing: { text: "state.missing", ends: "the topic is made", next: ["idle", "connecting"] },
};

/**
 * @param {StateName} name
 * @param {StateName} next
 */
export const mayFollow = (name, next) => STATES[name].next.includes(next);
