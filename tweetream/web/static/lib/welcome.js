// @ts-check
// A strip for a first visit: the posts of the demo are invented, and how to get real ones. It is closed once.

import { keep, kept } from "./storage.js";

const KEY = "welcomed";

export function welcome(document, button) {
  const strip = document.getElementById("welcome");
  button.addEventListener("click", () => {
    keep(KEY, "yes");
    strip.hidden = true;
  });
  // `sources` are the addresses of the server's sources
  return (sources) => {
    strip.hidden = kept(KEY) === "yes" || !sources.some((url) => /^replay:.*\bsample\.csv\b/.test(url));
  };
}
