// @ts-check
// The form that adds a topic, or changes the words of one. Shows an error beside its field, and how long to wait when the
// server asks for that.

import { isName } from "../lib/address.js";
import { button } from "../lib/elements.js";
import { t } from "../words/words.js";
import { Chips } from "./chips.js";
import { faultOf } from "./faults.js";
import { Preview } from "./preview.js";

const MOST_TERMS = 100;
const LONGEST_TERM = 100;
const BACKFILL = "7d"; // in which stored posts are looked for

function nameFault(name) {
  if (!name) return t("add.noName");
  if (isName(name)) return "";
  const plain = name.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
  const near = plain.replace(/[^a-z0-9_]+/g, "-").replace(/^[-_]+|-+$/g, "").slice(0, 64);
  return isName(near) ? `${t("add.badName")} ${t("add.nearName", { name: near })}` : t("add.badName");
}

function trackFault(track) {
  if (track.length > MOST_TERMS) return t("add.tooMany", { most: MOST_TERMS, n: track.length });
  const long = track.find((term) => [...term].length > LONGEST_TERM);
  return long ? t("add.tooLong", { most: LONGEST_TERM, start: long.slice(0, 30) }) : "";
}

export class AddForm {
  #timer = 0;
  #asked = false;
  #editing = ""; // the name of the topic whose words are changed

  // add(name, track, backfill) and edit(name, track) resolve when it is done, and reject with a Problem; preview(name, track)
  // is for Preview; stored() tells whether the server has an archive.
  constructor(document, { add, edit, preview, stored }) {
    const byId = (id) => document.getElementById(id);
    this.details = byId("add");
    this.form = byId("add-form");
    this.button = byId("add-button");
    this.general = byId("add-error");
    this.fields = { name: byId("add-name"), track: byId("add-track") };
    this.errors = { name: byId("add-name-error"), track: byId("add-track-error") };
    this.title = this.details.querySelector("summary > span");
    this.cancel = button("button", "");
    this.cancel.hidden = true; // until a topic is edited
    this.button.after(this.cancel);
    this.cancel.addEventListener("click", () => (this.details.open = false));
    this.stored = byId("add-stored");
    this.storedLine = byId("add-stored-line");
    this.acts = { add, edit, stored };
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    const fate = () => t(this.#editing ? "edit.fate" : this.#backfill ? "add.fateStored" : "add.fate");
    this.preview = new Preview(byId("add-preview"), preview, fate);
    this.stored.addEventListener("change", () => this.preview.say());
    this.chips = new Chips(byId("add-terms"), this.fields.track, () => this.#changed("track"));
    this.fields.name.addEventListener("input", () => this.#changed("name"));
    // the focus goes into the form when a person opens it, not when the page does
    this.details.addEventListener("toggle", () => {
      if (this.#asked && this.details.open) this.fields.name.focus();
      this.#asked = false;
      if (!this.details.open && this.#editing) this.#end();
      this.say();
    });
    this.details.firstElementChild.addEventListener("click", () => (this.#asked = true));
    for (const control of [...Object.values(this.fields), this.button]) control.disabled = false;
    this.say();
  }

  // A person has opened the form before it was there.
  asked() {
    requestAnimationFrame(() => this.details.open && this.fields.name.focus());
  }

  // Opens the form with the words of a topic, to change them.
  edit(topic) {
    this.#clear();
    this.#editing = topic.name;
    this.fields.name.value = topic.name;
    this.chips.set(topic.track);
    this.details.open = true;
    this.say();
    this.fields.track.focus();
    this.preview.type(topic.name, topic.track);
  }

  // Writes the texts that depend on what the form is for.
  say() {
    const editing = this.#editing;
    this.fields.name.readOnly = Boolean(editing);
    this.title.textContent = editing ? t("edit.title", { name: editing }) : t("add.title");
    this.cancel.textContent = t("cancel");
    this.cancel.hidden = !editing;
    this.storedLine.hidden = Boolean(editing) || !this.acts.stored();
    this.chips.say();
    if (this.button.ariaDisabled !== "true") this.button.textContent = t(editing ? "edit.submit" : "add.submit");
  }

  #clear() {
    this.form.reset();
    this.chips.clear();
    this.preview.clear();
    for (const field of ["name", "track"]) this.#say(field, "");
    this.#sayGeneral("");
  }

  #end() {
    this.#editing = "";
    this.#clear();
    this.#ready();
    this.say();
  }

  #changed(field) {
    this.#say(field, "");
    this.preview.type(this.#name, this.chips.value);
  }

  // How far back the new topic shall have stored posts, or "".
  get #backfill() {
    return this.stored.checked && !this.storedLine.hidden ? BACKFILL : "";
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
    const editing = Boolean(this.#editing);
    const { value } = this.chips;
    const track = editing && !value.length ? [name] : value; // as a new topic without words
    this.#sayGeneral("");
    const wrong = trackFault(track);
    this.#say("track", wrong);
    this.#say("name", nameFault(name));
    if (nameFault(name) || wrong) return;
    this.#busy(t(editing ? "edit.saving" : "add.adding"));
    try {
      await (editing ? this.acts.edit(name, track) : this.acts.add(name, track, this.#backfill));
      this.#end();
      this.details.open = false;
    } catch (problem) {
      this.#failed(problem);
    }
  }

  #failed(problem) {
    const { text, field } = faultOf(problem);
    if (field) this.#say(field, text);
    else this.#sayGeneral(text);
    if (field || !problem.wait) return this.#ready();
    this.#countDown(text, Date.now() + problem.wait * 1000);
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
    this.button.textContent = t(this.#editing ? "edit.submit" : "add.submit");
  }
}
