// @ts-check
// A button that copies the page's address, topics and filters with it.

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

export function copyButton(button, said) {
  let timer = 0;
  button.addEventListener("click", async () => {
    const done = await copied(location.href);
    button.focus();
    said.textContent = done ? t("feed.copied") : location.href;
    clearTimeout(timer);
    if (done) timer = setTimeout(() => (said.textContent = ""), SHOWN);
  });
}
