// @ts-check
// Single-key shortcuts. They do nothing while a person types or a dialog is open. The help can turn them off: voice control
// can type them by mistake.

import { keep, kept } from "./storage.js";

const KEY = "keys";
const TYPED = "input:not([type=checkbox], [type=range]), select, textarea, [contenteditable]"; // other inputs take no letters

// acts: {key: act(event)}; Escape works in fields too, and cannot be turned off.
export function listen(document, acts) {
  const help = document.getElementById("help");
  const on = document.getElementById("keys-on");
  on.checked = kept(KEY) !== "off";
  on.addEventListener("change", () => keep(KEY, on.checked ? "on" : "off"));
  document.getElementById("help-open").addEventListener("click", () => help.showModal());
  help.addEventListener("click", (event) => event.target === help && help.close()); // beside it
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key !== "Escape" && (!on.checked || event.target.closest?.(TYPED))) return;
    if (event.key === "?") help.showModal();
    else if (!Object.hasOwn(acts, event.key)) return;
    else if (acts[event.key](event) === false) return;
    event.preventDefault();
  });
}
