// @ts-check
// The form that adds a topic, before it is there: it is loaded when it is opened.

import { lazy } from "../lib/lazy.js";

// `acts` are AddForm's; failed() is called where the form could not be loaded.
export function adding(document, acts, failed) {
  const form = lazy(async () => new (await import("./add.js")).AddForm(document, acts), failed, "add");
  const details = /** @type {HTMLDetailsElement} */ (document.getElementById("add"));
  let offered = false;
  details.addEventListener("toggle", () => form.use());
  details.firstElementChild.addEventListener("click", () => form.use((part) => part.asked()), { once: true });
  return {
    // Opens the form, once: a person who closes it has seen it.
    offer() {
      if (!offered) details.open = true;
      offered = true;
    },
    edit: (topic) => form.use((part) => part.edit(topic)),
    say: () => form.part?.say(),
  };
}
