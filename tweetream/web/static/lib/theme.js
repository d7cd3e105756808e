// @ts-check
// Light or dark: as the system says, as the person chose on this device, or as the address of a wall says.

import { keep } from "./storage.js";

const { style } = document.documentElement;
let chosen = style.colorScheme; // early.js has read it
let asked = ""; // by the address

const show = () => (style.colorScheme = asked || chosen);

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
