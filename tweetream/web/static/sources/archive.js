// @ts-check
// The state of the server's archive in words, a line below the sources. Where there is no archive, nothing is shown.

import { element, setText } from "../lib/elements.js";
import { Poll } from "../server/poll.js";
import { onLanguage, t } from "../words/words.js";

const REFRESH = 10000;
const RARELY = 300000; // where there is none
const STATES = { archiving: "streaming", behind: "backing-off", stopped: "refused", missing: "backing-off", unreachable: "refused" };

export class Archive {
  #state = /** @type {{state: string, lag?: number | null, reason?: string | null} | null} */ (null); // null: not known
  #row = element("li");

  // told() is called when it is known whether there is one.
  constructor(list, api, told) {
    this.api = api;
    this.told = told;
    const dot = element("span", "source-dot");
    dot.ariaHidden = "true";
    this.name = element("span", "source-name");
    this.words = element("span", "source-words");
    this.#row.append(dot, this.name, this.words);
    this.#row.id = "archive-state";
    this.list = list;
    list.append(this.#row);
    onLanguage(() => this.#show());
    this.#show();
    this.poll = new Poll(() => this.#ask(), REFRESH);
    this.poll.start();
  }

  async #ask() {
    try {
      this.#state = await this.api.archive();
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      return; // the page says elsewhere that the server is away
    }
    this.poll.delay = this.api.stored ? REFRESH : RARELY;
    this.told();
    this.#show();
  }

  #show() {
    const { state = "none", lag, reason } = this.#state ?? {};
    this.list.hidden = state === "none";
    if (this.list.hidden) return;
    this.#row.dataset.sourceState = STATES[state] ?? "ended";
    this.#row.title = reason ?? "";
    setText(this.name, t("archive.name"));
    setText(this.words, t(`archive.${state}`, { n: lag ?? 0, because: reason ? `: ${reason}` : "" }));
  }
}
