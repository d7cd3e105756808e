// @ts-check
// Alerts by notification, sound or both: for new posts with a chosen label, or by rules for a topic each. Both are off until
// the person turns them on. One comes every few seconds at most, with the number of posts. The choice is kept on this device.

import { element, setText } from "../lib/elements.js";
import { lazy } from "../lib/lazy.js";
import { keep, kept } from "../lib/storage.js";
import { labelText, UNSURE } from "../words/format.js";
import { onLanguage, t, translate } from "../words/words.js";
import { Rules } from "./rules.js";
import { Sound } from "./sound.js";
import { Surges } from "./surges.js";
import { Throttle } from "./throttle.js";

const KEY = "alerts";
const PAUSE = 5000;
const LONGEST = 160;
const ANY = ""; // as the chosen label

function chosen() {
  const nothing = { label: ANY, notify: false, sound: false };
  try {
    const choice = JSON.parse(kept(KEY) ?? "{}");
    const label = typeof choice.label === "string" ? choice.label : ANY;
    return { label, notify: choice.notify === true, sound: choice.sound === true };
  } catch {
    return nothing; // something else was kept there
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
  #choice = chosen();
  #labels = [];
  #sound = new Sound();
  #rules = new Rules();
  #followed = /** @type {string[]} */ ([]);
  #topics = [];
  #told = /** @type {string[]} */ ([]); // ids of posts: one of several topics comes several times

  /**
   * @param {HTMLElement} section
   * @param {{show?: (post: object) => void, muted?: (topic: string) => boolean, save?: Function, stats?: Function, sends?: Function}} acts
   *   show(post) is called when a person clicks its notification; save(name, rule) keeps a rule on the server, stats(name) is
   *   the last hour of a topic, sends() whether the server has an address for alerts.
   */
  constructor(section, { show = () => {}, muted = () => false, save, stats, sends }) {
    this.show = show;
    this.muted = muted;
    const changed = () => this.#say();
    this.form = lazy(async () => {
      const form = new (await import("./rules-form.js")).RulesForm(this.#rules, { save, stats, sends, changed });
      this.details.append(...form.parts);
      translate(section);
      return form;
    }, () => {}, "rules"); // it comes when the alerts are opened again
    const tell = (rule, { posts, usual }) => this.#surge(rule, posts, usual);
    this.surges = new Surges(this.#rules, { topics: () => this.#topics, stats, tell });
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

  // The topics there are, or null while that is not known, and the names of those that are followed.
  topics(topics, followed) {
    [this.#topics, this.#followed] = [topics ?? [], followed];
    // Without a rule the chosen label decides: the person who had rules would hear of every post.
    if (topics && this.#rules.know(topics)) this.#set(this.#rules.all.length ? {} : { notify: false, sound: false });
    this.form.part?.show(this.#topics, this.#labels, followed);
  }

  get #on() {
    return this.#choice.notify || this.#choice.sound;
  }

  // Whether posts with this label cause an alert, so that no other needs to be parsed. Where there are rules, they decide.
  wants(label) {
    const { label: chosen } = this.#choice;
    return this.#on && !this.#rules.all.length && (chosen === ANY || chosen === label);
  }

  // A new post. Not for posts that were there before.
  heard(post) {
    if (this.wants(post.label ?? UNSURE) && !this.muted(post.topic)) this.throttle.add(post);
  }

  // The data of any event with a post, for the rules.
  came(data) {
    if (!this.#on || !this.#rules.all.length) return;
    const post = JSON.parse(data);
    if (!this.#rules.wants(post) || this.muted(post.topic) || this.#told.includes(post.id)) return;
    this.#told = [...this.#told.slice(-99), post.id];
    this.throttle.add(post);
  }

  #surge(rule, posts, usual) {
    if (!this.#on || this.muted(rule.topic)) return;
    if (this.#choice.sound) this.#sound.play().then(() => this.#say());
    const label = rule.label === null ? t("notify.anyLabel") : labelText(rule.label);
    this.#notify(t("rule.surgeTitle", { topic: rule.topic, label }), t("rule.surgeBody", { n: posts, usual }), { topic: rule.topic });
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
    details.addEventListener("toggle", () => details.open && this.form.use((form) => form.show(this.#topics, this.#labels, this.#followed)));
    this.details = details;
    section.setAttribute("aria-labelledby", "alerts-title");
    section.append(details);
    translate(section);
    this.select.addEventListener("change", () => this.#set({ label: this.select.value }));
    this.notify.addEventListener("change", () => this.#turn());
    this.sound.addEventListener("change", () => {
      this.#set({ sound: this.sound.checked });
      if (this.sound.checked) this.#sound.play().then(() => this.#say()); // so that the person knows it
    });
    details.open = this.#on;
  }

  #set(change) {
    this.#choice = { ...this.#choice, ...change };
    this.throttle.clear();
    keep(KEY, JSON.stringify(this.#choice));
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
    this.select.disabled = this.#rules.all.length > 0;
    this.select.title = this.select.disabled ? t("rule.decide") : "";
    this.sound.checked = this.#choice.sound;
    this.notify.checked = this.#choice.notify && globalThis.Notification?.permission === "granted";
    setText(this.note, this.#fault());
    this.note.hidden = !this.note.textContent;
  }

  #fault() {
    if (this.#choice.sound && this.#sound.silent) return t("notify.silent");
    if (!this.asked && !this.#choice.notify) return this.#rules.all.length && !this.#on ? t("rule.silent") : "";
    if (!globalThis.Notification) return t("notify.unsupported");
    if (Notification.permission === "denied") return t("notify.denied");
    return Notification.permission === "default" ? t("notify.notAsked") : "";
  }

  #tell(post, count) {
    if (this.#choice.sound) this.#sound.play().then(() => this.#say());
    const said = { label: labelText(post.label ?? UNSURE), topic: post.topic ?? "", n: count };
    this.#notify(count > 1 ? t("notify.several", said) : t("notify.one", said), this.#body(post), post);
  }

  #notify(title, body, post) {
    if (!this.#choice.notify || globalThis.Notification?.permission !== "granted") return;
    try {
      const notification = new Notification(title, { body, tag: "tweetream", silent: true });
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
