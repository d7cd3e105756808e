// @ts-check
// What this device remembers of topics: how many posts a person has seen of each, and which are muted. Knows no DOM.

import { keep, kept } from "../lib/storage.js";
import { sum } from "../lib/sum.js";

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
  #seen = read("seen");
  #muted = read("muted");

  // All posts of the chosen topics are seen, and those that were there at the first visit.
  update(topics, chosen) {
    if (!topics.length) return; // they may not be known yet
    const seen = {};
    for (const topic of topics) {
      const before = this.#seen[topic.kafka_topic];
      seen[topic.kafka_topic] = chosen.includes(topic.name) || !Number.isInteger(before) ? sum(topic.posts) : before;
    }
    if (JSON.stringify(seen) === JSON.stringify(this.#seen)) return;
    this.#seen = seen;
    keep("seen", JSON.stringify(seen));
  }

  // Whether the topic has posts that were not seen, and may say so.
  fresh(topic) {
    return !this.muted(topic.name) && sum(topic.posts) > (this.#seen[topic.kafka_topic] ?? sum(topic.posts));
  }

  muted(name) {
    return this.#muted[name] === true;
  }

  mute(name, on) {
    if (on) this.#muted[name] = true;
    else delete this.#muted[name];
    keep("muted", JSON.stringify(this.#muted));
  }
}
