// @ts-check
// What this device remembers of topics: how many posts a person has seen of each, and which are muted. Knows no DOM.

import { keep, kept, ownKey } from "../lib/storage.js";
import { sum } from "../lib/sum.js";

const [SEEN, MUTED] = [ownKey("seen"), ownKey("muted")];

function read(key) {
  try {
    const found = JSON.parse(kept(key) ?? "{}");
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {}; // something else was kept there
  }
}

// A topic that was deleted and added again is another one, so its Kafka topic names it.
export class Marks {
  #seen = read(SEEN); // Kafka topic: posts
  #muted = read(MUTED); // name: Kafka topic

  // Takes the topics that there are, or null while that is not known; all others are forgotten. All posts of the chosen ones
  // are seen, and those that were there at the first visit.
  update(topics, chosen) {
    if (!topics) return;
    const feeds = Object.fromEntries(topics.map(({ name, kafka_topic }) => [name, kafka_topic]));
    const gone = () => Object.keys(this.#muted).filter((name) => this.#muted[name] !== feeds[name]);
    if (gone().length) {
      this.#muted = kept(MUTED) ? read(MUTED) : this.#muted; // another tab may have changed it
      for (const name of gone()) delete this.#muted[name];
      keep(MUTED, JSON.stringify(this.#muted));
    }
    const seen = {};
    for (const topic of topics) {
      const before = this.#seen[topic.kafka_topic];
      seen[topic.kafka_topic] = chosen.includes(topic.name) || !Number.isInteger(before) ? sum(topic.posts) : before;
    }
    if (JSON.stringify(seen) === JSON.stringify(this.#seen)) return;
    this.#seen = seen;
    keep(SEEN, JSON.stringify(seen));
  }

  // Whether the topic has posts that were not seen, and may say so.
  fresh(topic) {
    return !this.muted(topic.name) && sum(topic.posts) > (this.#seen[topic.kafka_topic] ?? sum(topic.posts));
  }

  muted(name) {
    return typeof this.#muted[name] === "string";
  }

  mute({ name, kafka_topic }, on) {
    if (on) this.#muted[name] = kafka_topic;
    else delete this.#muted[name];
    keep(MUTED, JSON.stringify(this.#muted));
  }
}
