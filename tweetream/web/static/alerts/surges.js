// @ts-check
// Looks once a minute for surges of the topics with such a rule, also while the page is hidden. Each is told once.

import { isQuiet, MINUTES, surge } from "./rules.js";

const EVERY = 60000;

export class Surges {
  #since = new Map(); // rule: when its surge was told

  // topics() are those there are, stats(name) their last hour; tell(rule, {posts, usual}) is called at a surge.
  constructor(rules, { topics, stats, tell }) {
    this.rules = rules;
    this.topics = topics;
    this.stats = stats;
    this.tell = tell;
    setInterval(() => this.look(), EVERY);
  }

  async look(now = Date.now()) {
    const found = this.rules.all.filter(({ when }) => when === "surge");
    for (const rule of this.#since.keys()) if (!found.includes(rule)) this.#since.delete(rule);
    for (const rule of found) {
      const topic = this.topics().find(({ name }) => name === rule.topic);
      if (!topic) continue;
      try {
        this.#decide(rule, surge(await this.stats(rule.topic), rule, (now - Date.parse(topic.created_at)) / EVERY), now);
      } catch (problem) {
        if (!("status" in problem)) throw problem; // the page says elsewhere that the server is away
      }
    }
  }

  #decide(rule, measured, now) {
    const since = this.#since.get(rule);
    if (!measured && since !== undefined && now - since >= MINUTES * EVERY) this.#since.delete(rule);
    if (!measured || since !== undefined || isQuiet(rule.quiet, new Date(now))) return;
    this.#since.set(rule, now);
    this.tell(rule, measured);
  }
}
