// @ts-check
// Says briefly what was done, and copies the page's address, topics and filters with it.

import { t } from "../words/words.js";

const SHOWN = 3000;

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text); // without https a page has no clipboard
  }
}

function copiedByHand(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

let timer = 0;

// Says something for a moment, or, if it `stays`, until there is something else to say.
export function sayBriefly(said, text, stays = false) {
  clearTimeout(timer);
  said.textContent = text;
  if (!stays) timer = setTimeout(() => (said.textContent = ""), SHOWN);
}

export function copyButton(button, said) {
  button.addEventListener("click", async () => {
    const done = await copied(location.href);
    button.focus();
    sayBriefly(said, done ? t("feed.copied") : location.href, !done);
  });
}
