// @ts-check
// Light or dark: as the system says, as the person chose on this device, or as the address of a wall says. It counts before
// anything is drawn.

import { keep, kept } from "./storage.js";

let chosen = kept("theme") ?? "";
let asked = ""; // by the address

// The browser ignores a value that it does not know.
const show = () => (document.documentElement.style.colorScheme = asked || chosen);
show();

// What the address says; "" is nothing.
export function wear(theme) {
  asked = theme;
  show();
}

/** @param {HTMLSelectElement} select */
export function chooseThemeBy(select) {
  select.value = chosen;
  select.addEventListener("change", () => {
    chosen = select.value;
    keep("theme", chosen);
    show();
  });
}
