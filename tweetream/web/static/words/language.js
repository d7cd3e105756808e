// @ts-check
// The choice of a language, in the head of the page; each is named in its own language.

import { language, onLanguage, setLanguage } from "./words.js";

export function chooseLanguageBy(select) {
  select.value = language();
  select.addEventListener("change", () => setLanguage(select.value).catch(() => (select.value = language())));
  onLanguage((now) => (select.value = now));
}
