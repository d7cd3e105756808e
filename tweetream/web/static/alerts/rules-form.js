// @ts-check
// The list of the rules for alerts, and the form that adds one: on this device, or on the server for everyone.

import { button, element, setText } from "../lib/elements.js";
import { faultOf } from "../topics/faults.js";
import { labelText } from "../words/format.js";
import { onLanguage, t } from "../words/words.js";
import { LEAST, MOST_LEAST } from "./rules.js";
import { wouldTell } from "./would.js";

const ANY = "";
const FRESH = 30000; // ms that the counts of a topic are good for

// A field with its name; the name's text has a key, so that it changes with the language.
function field(id, key, input) {
  input.id = id;
  const label = element("label");
  label.htmlFor = id;
  label.dataset.t = key;
  return element("div", "rule-field", label, input);
}

function input(type, value = "") {
  const made = element("input");
  made.type = type;
  made.value = value;
  return made;
}

function choice(values) {
  const select = element("select");
  for (const [value, key] of values) {
    const option = element("option");
    option.value = value;
    option.dataset.t = key;
    select.append(option);
  }
  return select;
}

// What a rule says, in one line.
export function described({ label, when, least, quiet }) {
  const parts = [label === null ? t("notify.anyLabel") : labelText(label), when === "every" ? t("rule.every") : t("rule.surge", { n: least })];
  if (quiet) parts.push(t("rule.quietIn", { hours: quiet.replace("-", "–") }));
  return parts.join(" · ");
}

export class RulesForm {
  #topics = [];
  #labels = [];
  #shown = "";
  #followed = /** @type {string[]} */ ([]);
  #chosen = false; // whether the person chose a topic
  #hours = new Map(); // topic: the counts of its last hour, and when they were asked for

  // save(name, rule) gives a topic the rule of the server, or takes it away (null); stats(name) is its last hour; sends() tells
  // whether the server sends alerts. changed() is called at each change.
  constructor(rules, { save, stats, sends, changed }) {
    this.rules = rules;
    this.save = save;
    this.stats = stats;
    this.sends = sends;
    this.changed = changed;
    this.list = element("ul", "rules");
    this.topic = element("select");
    this.label = element("select");
    this.when = choice([["surge", "rule.surgeChoice"], ["every", "rule.every"]]);
    this.least = input("number", String(LEAST));
    [this.least.min, this.least.max, this.least.required] = ["1", String(MOST_LEAST), true];
    this.start = input("time");
    this.end = input("time");
    this.where = choice([["here", "rule.here"], ["server", "rule.server"]]);
    this.unsent = element("p", "hint");
    this.unsent.id = "rule-unsent";
    this.unsent.dataset.t = "rule.unsent";
    this.unsent.hidden = true;
    this.told = element("p", "hint");
    this.told.id = "rule-told";
    this.told.role = "status";
    this.error = element("p", "error");
    this.error.id = "rule-error";
    this.error.role = "alert";
    this.leastField = field("rule-least", "rule.least", this.least);
    this.submit = element("button", "button");
    this.submit.dataset.t = "rule.add";
    this.form = element(
      "form",
      "rule-form",
      field("rule-topic", "rule.topic", this.topic),
      field("rule-label", "notify.label", this.label),
      field("rule-when", "rule.when", this.when),
      this.leastField,
      field("rule-from", "rule.quietFrom", this.start),
      field("rule-to", "rule.quietTo", this.end),
      field("rule-where", "rule.where", this.where),
      this.unsent,
      this.told,
      this.error,
      this.submit,
    );
    this.form.noValidate = true;
    const title = element("span");
    title.dataset.t = "rule.title";
    this.details = element("details", "rule-add", element("summary", "", title), this.form);
    this.details.id = "rule-add";
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
    for (const type of ["input", "change"]) this.form.addEventListener(type, () => this.#say());
    onLanguage(() => {
      this.#shown = "";
      this.show(this.#topics, this.#labels);
    });
    this.topic.addEventListener("change", () => (this.#chosen = true));
    this.details.addEventListener("toggle", () => {
      if (!this.details.open) this.#chosen = false;
      else this.#lookWhetherSent();
      this.#say();
    });
    this.#say();
  }

  get parts() {
    return [this.list, this.details];
  }

  // The topics and labels there are; a rule is for the first topic that is `followed`, until the person chooses another.
  show(topics, labels, followed = this.#followed) {
    [this.#topics, this.#labels, this.#followed] = [topics, labels, followed];
    const shown = JSON.stringify([followed, topics.map(({ name, alert, alert_problem }) => [name, alert, alert_problem]), labels, this.rules.all]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const option = (value, text) => Object.assign(element("option", "", text), { value });
    const options = (select, all) => {
      const { value } = select;
      select.replaceChildren(...all);
      if ([...select.options].some((one) => one.value === value)) select.value = value;
    };
    options(this.topic, topics.map(({ name }) => option(name, name)));
    const first = followed.find((name) => topics.some((topic) => topic.name === name));
    if (first && !this.#chosen) this.topic.value = first;
    options(this.label, [option(ANY, t("notify.anyLabel")), ...labels.map((label) => option(label, labelText(label)))]);
    this.details.hidden = !topics.length;
    const everyones = topics.filter(({ alert }) => alert).map((topic) => ({ ...topic.alert, topic: topic.name, sent: !topic.alert_problem }));
    this.list.replaceChildren(
      ...this.rules.all.map((rule) => this.#row(rule, described(rule), () => this.rules.remove(rule))),
      ...everyones.map((rule) => {
        const text = `${described(rule)} · ${t(rule.sent ? "rule.byServer" : "rule.notSent")}`;
        return this.#row(rule, text, () => this.save(rule.topic, null));
      }),
    );
    this.list.hidden = !this.list.children.length;
    this.#sayTold();
  }

  // A rule for everyone is of no use where the server sends nothing.
  async #lookWhetherSent() {
    try {
      const sent = await this.sends();
      this.where.options[1].disabled = !sent;
      if (!sent) this.where.value = "here";
      this.unsent.hidden = sent;
      if (sent) this.where.removeAttribute("aria-describedby");
      else this.where.setAttribute("aria-describedby", this.unsent.id);
    } catch (problem) {
      if (!("status" in problem)) throw problem; // the page says elsewhere that the server is away
    }
  }

  #row(rule, text, remove) {
    const cross = button("button quiet", "×");
    cross.ariaLabel = t("rule.remove", { topic: rule.topic, rule: text });
    cross.addEventListener("click", () => this.#do(remove));
    return element("li", "", element("span", "", element("b", "", rule.topic), ` ${text}`), cross);
  }

  #say() {
    this.leastField.hidden = this.when.value !== "surge";
    this.error.hidden = !this.error.textContent;
    this.#sayTold();
  }

  // What the form's rule would have done in the last hour.
  async #sayTold() {
    const topic = this.#topics.find(({ name }) => name === this.topic.value);
    const rows = topic && this.details.open && !this.#fault() ? await this.#hour(topic.name) : null;
    if (topic?.name !== this.topic.value) return; // another was chosen meanwhile
    if (!rows) return setText(this.told, "");
    const { times, minutes } = wouldTell(rows, this.#rule, (Date.now() - Date.parse(topic.created_at)) / 60000);
    setText(this.told, minutes ? t(`rule.would.${this.when.value}`, { n: times, minutes }) : t("rule.young"));
  }

  async #hour(name) {
    const known = this.#hours.get(name);
    if (known && performance.now() - known.at < FRESH) return known.rows;
    const rows = this.stats(name).catch((problem) => {
      if (!("status" in problem)) throw problem; // the page says elsewhere that the server is away
    });
    this.#hours.set(name, { at: performance.now(), rows });
    return rows;
  }

  // The rule that the form says.
  get #rule() {
    const [when, label] = [/** @type {"every" | "surge"} */ (this.when.value), this.label.value === ANY ? null : this.label.value];
    const quiet = this.start.value ? `${this.start.value}-${this.end.value}` : null;
    const feed = this.#topics.find(({ name }) => name === this.topic.value)?.kafka_topic;
    return { topic: this.topic.value, feed, label, when, least: when === "surge" ? Number(this.least.value) : LEAST, quiet };
  }

  // What is wrong with the form: the field and the words.
  #fault() {
    const least = Number(this.least.value);
    if (this.when.value === "surge" && !(Number.isInteger(least) && least >= 1 && least <= MOST_LEAST)) {
      return { at: this.least, text: t("rule.badLeast", { most: MOST_LEAST }) };
    }
    if (Boolean(this.start.value) !== Boolean(this.end.value)) return { at: this.start.value ? this.end : this.start, text: t("rule.bothTimes") };
    if (this.start.value && this.start.value === this.end.value) return { at: this.end, text: t("rule.sameTimes") };
    return null;
  }

  #add() {
    const fault = this.#fault();
    for (const one of [this.least, this.start, this.end]) for (const name of ["aria-invalid", "aria-describedby"]) one.removeAttribute(name);
    if (fault) fault.at.after(this.error);
    else this.submit.before(this.error);
    setText(this.error, fault?.text ?? "");
    this.#say();
    if (fault) {
      fault.at.setAttribute("aria-invalid", "true");
      fault.at.setAttribute("aria-describedby", this.error.id);
      fault.at.focus();
      return;
    }
    const rule = this.#rule;
    const { topic, when, label, quiet, least } = rule;
    this.#do(async () => {
      if (this.where.value === "server") {
        const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
        await this.save(topic, { when, label, ...(quiet ? { quiet, zone } : {}), ...(when === "surge" ? { least } : {}) });
      } else if (!this.rules.add(rule)) throw Object.assign(new Error(t("rule.full")), { status: 0 });
      this.details.open = false;
    });
  }

  async #do(act) {
    try {
      await act();
      setText(this.error, "");
      this.changed();
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      setText(this.error, faultOf(problem).text);
    }
    this.#say();
    this.show(this.#topics, this.#labels);
  }
}
