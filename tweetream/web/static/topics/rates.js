// @ts-check
// Posts a minute of each topic, from how its counts grow between two answers of the server. Knows no DOM.

import { sum } from "../lib/sum.js";

const SPAN = 60000; // ms that a rate covers, at most
const LEAST = 3500; // ms of samples before there is a rate

export class Rates {
  #samples = new Map(); // kafka_topic: [{at, count}], oldest first

  add(topics, now) {
    const kept = new Map();
    for (const topic of topics) {
      const samples = (this.#samples.get(topic.kafka_topic) ?? []).filter(({ at }) => at <= now && now - at <= SPAN);
      kept.set(topic.kafka_topic, [...samples, { at: now, count: sum(topic.posts) }]);
    }
    this.#samples = kept;
  }

  // null while there are too few samples
  of(topic) {
    const samples = this.#samples.get(topic.kafka_topic) ?? [];
    const [first, last] = [samples[0], samples.at(-1)];
    if (!first || last.at - first.at < LEAST) return null;
    const rate = Math.max(0, ((last.count - first.count) * 60000) / (last.at - first.at));
    return rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate);
  }
}
