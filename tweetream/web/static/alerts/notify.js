// @ts-check
// Alerts for new posts with a chosen label, by notification, sound or both. Both are off until the person turns them on.
// One comes every few seconds at most, with the number of posts. The choice is kept on this device.

import { element, setText } from "../lib/elements.js";
import { labelText, UNSURE } from "../words/format.js";
import { onLanguage, t, translate } from "../words/words.js";
import { Sound } from "./sound.js";
import { Throttle } from "./throttle.js";

const KEY = "tweetream-alerts";
const PAUSE = 5000;
const LONGEST = 160;
const ANY = ""; // as the chosen label

function kept() {
  const nothing = { label: ANY, notify: false, sound: false };
  try {
    const choice = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const label = typeof choice.label === "string" ? choice.label : ANY;
    return { label, notify: choice.notify === true, sound: choice.sound === true };
  } catch {
    return nothing; // storage can be forbidden, or hold something else
  }
}

function keep(choice) {
  try {
    localStorage.setItem(KEY, JSON.stringify(choice));
  } catch {
    // see kept()
  }
}

function box(id, key) {
  const input = element("input");
  input.type = "checkbox";
  input.id = id;
  const words = element("span");
  words.dataset.t = key;
  return { input, label: element("label", "check", input, words) };
}

export class Alerts {
  #choice = kept();
  #labels = [];
  #sound = new Sound();

  /**
   * @param {HTMLElement} section
   * @param {(post: object) => void} show Is called when a person clicks the notification of this post.
   */
  constructor(section, show = () => {}) {
    this.show = show;
    this.throttle = new Throttle((post, count) => this.#tell(post, count), PAUSE);
    this.#build(section);
    this.#options();
    this.#say();
    onLanguage(() => {
      this.#options();
      this.#say();
    });
    // sound that was turned on in an earlier visit starts with the first click or key in this one
    const wake = () => this.#choice.sound && this.#sound.ready().then(() => this.#say());
    for (const type of ["pointerdown", "keydown"]) addEventListener(type, wake, { once: true });
  }

  // The labels there are to choose from; one chosen earlier stays.
  labels(labels) {
    const wanted = [...new Set([...labels, this.#choice.label].filter(Boolean))].sort();
    if (wanted.join("\n") === this.#labels.join("\n")) return;
    this.#labels = wanted;
    this.#options();
  }

  // Whether posts with this label cause an alert, so that no other needs to be parsed.
  wants(label) {
    const { label: chosen, notify, sound } = this.#choice;
    return (notify || sound) && (chosen === ANY || chosen === label);
  }

  // A new post. Not for posts that were there before.
  heard(post) {
    if (this.wants(post.label ?? UNSURE)) this.throttle.add(post);
  }

  #build(section) {
    const title = element("h2");
    title.id = "alerts-title";
    title.dataset.t = "notify.title";
    this.select = element("select");
    this.select.id = "alerts-label";
    const name = element("label");
    name.htmlFor = "alerts-label";
    name.dataset.t = "notify.label";
    const [notify, sound] = [box("alerts-notify", "notify.notify"), box("alerts-sound", "notify.sound")];
    this.notify = notify.input;
    this.sound = sound.input;
    const hint = element("p", "hint");
    hint.dataset.t = "notify.hint";
    this.note = element("p", "note");
    this.note.id = "alerts-note";
    this.note.role = "status";
    const inner = element("div", "alerts", element("div", "alerts-for", name, this.select), notify.label, sound.label);
    const details = element("details", "", element("summary", "", title), inner, this.note, hint);
    details.id = "alerts-details";
    section.setAttribute("aria-labelledby", "alerts-title");
    section.append(details);
    translate(section);
    this.select.addEventListener("change", () => this.#set({ label: this.select.value }));
    this.notify.addEventListener("change", () => this.#turn());
    this.sound.addEventListener("change", () => {
      this.#set({ sound: this.sound.checked });
      if (this.sound.checked) this.#sound.play().then(() => this.#say()); // so that the person knows it
    });
    details.open = this.#choice.notify || this.#choice.sound;
  }

  #set(change) {
    this.#choice = { ...this.#choice, ...change };
    this.throttle.clear();
    keep(this.#choice);
    this.#say();
  }

  // The browser asks the person, and only because the person asked for it here.
  async #turn() {
    let wanted = this.notify.checked;
    if (wanted && globalThis.Notification && Notification.permission === "default") await Notification.requestPermission();
    this.asked = wanted;
    if (globalThis.Notification?.permission !== "granted") wanted = false;
    this.#set({ notify: wanted });
  }

  #options() {
    const options = [ANY, ...this.#labels].map((label) => {
      const option = element("option", "", label === ANY ? t("notify.anyLabel") : labelText(label));
      option.value = label;
      return option;
    });
    this.select.replaceChildren(...options);
    this.select.value = this.#choice.label;
  }

  // Not the options: the person may just have opened them.
  #say() {
    this.sound.checked = this.#choice.sound;
    this.notify.checked = this.#choice.notify && globalThis.Notification?.permission === "granted";
    setText(this.note, this.#fault());
    this.note.hidden = !this.note.textContent;
  }

  #fault() {
    if (this.#choice.sound && this.#sound.silent) return t("notify.silent");
    if (!this.asked && !this.#choice.notify) return "";
    if (!globalThis.Notification) return t("notify.unsupported");
    if (Notification.permission === "denied") return t("notify.denied");
    return Notification.permission === "default" ? t("notify.notAsked") : "";
  }

  #tell(post, count) {
    if (this.#choice.sound) this.#sound.play().then(() => this.#say());
    if (!this.#choice.notify || globalThis.Notification?.permission !== "granted") return;
    const said = { label: labelText(post.label ?? UNSURE), topic: post.topic ?? "", n: count };
    const title = count > 1 ? t("notify.several", said) : t("notify.one", said);
    try {
      const notification = new Notification(title, { body: this.#body(post), tag: "tweetream", silent: true });
      notification.addEventListener("click", () => {
        focus();
        notification.close();
        this.show(post);
      });
    } catch {
      // some browsers on phones allow only service workers to do it, and throw only here
      this.notify.disabled = true;
      this.#set({ notify: false });
      setText(this.note, t("notify.unsupported"));
      this.note.hidden = false;
    }
  }

  #body(post) {
    const text = String(post.text ?? "");
    const start = [...text].slice(0, LONGEST).join("");
    return `${post.author ?? ""}: ${start}${start.length < text.length ? "…" : ""}`;
  }
}
