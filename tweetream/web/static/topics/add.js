// @ts-check
// The form that adds a topic. Shows an error beside its field, and how long to wait when the server asks for that.

import { isName } from "../lib/address.js";
import { t } from "../words/words.js";
import { Chips } from "./chips.js";
import { Preview } from "./preview.js";

const MOST_TERMS = 100;
const LONGEST_TERM = 100;

function nameFault(name) {
  if (!name) return t("add.noName");
  return isName(name) ? "" : t("add.badName");
}

function trackFault(track) {
  if (track.length > MOST_TERMS) return t("add.tooMany", { most: MOST_TERMS, n: track.length });
  const long = track.find((term) => [...term].length > LONGEST_TERM);
  return long ? t("add.tooLong", { most: LONGEST_TERM, start: long.slice(0, 30) }) : "";
}

export class AddForm {
  #timer = 0;
  #asked = false;
  #offered = false;

  // add(name, track) resolves when the topic is there, and rejects with a Problem; preview(name, track) is for Preview.
  constructor(document, add, preview) {
    const byId = (id) => document.getElementById(id);
    this.details = byId("add");
    this.form = byId("add-form");
    this.button = byId("add-button");
    this.general = byId("add-error");
    this.fields = { name: byId("add-name"), track: byId("add-track") };
    this.errors = { name: byId("add-name-error"), track: byId("add-track-error") };
    this.add = add;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.preview = new Preview(byId("add-preview"), preview);
    this.chips = new Chips(byId("add-terms"), this.fields.track, () => this.#changed("track"));
    this.fields.name.addEventListener("input", () => this.#changed("name"));
    // the focus goes into the form when a person opens it, not when the page does
    this.details.addEventListener("toggle", () => {
      if (this.#asked && this.details.open) this.fields.name.focus();
      this.#asked = false;
    });
    this.details.firstElementChild.addEventListener("click", () => (this.#asked = true));
  }

  // Opens the form, once: a person who closes it has seen it.
  offer() {
    if (!this.#offered) this.details.open = true;
    this.#offered = true;
  }

  #changed(field) {
    this.#say(field, "");
    this.preview.type(this.#name, this.chips.value);
  }

  get #name() {
    return this.fields.name.value.trim().toLowerCase();
  }

  #say(field, words) {
    this.errors[field].textContent = words;
    this.errors[field].hidden = !words;
    if (words) this.fields[field].setAttribute("aria-invalid", "true");
    else this.fields[field].removeAttribute("aria-invalid");
    if (words) this.fields[field].focus();
  }

  #sayGeneral(words) {
    this.general.textContent = words;
    this.general.hidden = !words;
  }

  async #submit() {
    if (this.button.ariaDisabled === "true") return;
    const name = this.#name;
    const track = this.chips.value;
    this.#sayGeneral("");
    this.#say("track", trackFault(track));
    this.#say("name", nameFault(name));
    if (nameFault(name) || trackFault(track)) return;
    this.#busy(t("add.adding"));
    try {
      await this.add(name, track);
      this.form.reset();
      this.chips.clear();
      this.preview.clear();
      this.#ready();
      this.details.open = false;
    } catch (problem) {
      this.#failed(problem);
    }
  }

  #failed(problem) {
    const mine = [400, 409, 413, 422].includes(problem.status);
    const ofTrack = problem.status !== 409 && /\b(track|terms?|phrases?)\b/i.test(problem.message);
    if (mine) this.#say(ofTrack ? "track" : "name", problem.message);
    if (mine || !problem.wait) {
      if (!mine) this.#sayGeneral(problem.message);
      return this.#ready();
    }
    this.#countDown(problem.message, Date.now() + problem.wait * 1000);
  }

  #countDown(message, until) {
    const left = Math.ceil((until - Date.now()) / 1000);
    this.#sayGeneral(t(left > 0 ? "add.againIn" : "add.againNow", { reason: message, n: left }));
    if (left <= 0) return this.#ready();
    this.#busy(t("add.wait"));
    this.#timer = setTimeout(() => this.#countDown(message, until), 1000);
  }

  // Not `disabled`: the form would lose the focus.
  #busy(words) {
    this.button.ariaDisabled = "true";
    this.button.textContent = words;
  }

  #ready() {
    clearTimeout(this.#timer);
    this.button.ariaDisabled = null;
    this.button.textContent = t("add.submit");
  }
}
