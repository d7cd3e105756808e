// @ts-check
// A list of bars, each with its name and value in words. The bars are decoration; the words say all. A bar that can be
// chosen has its name as a button.

import { element, setText } from "../lib/elements.js";

// rows: [{name, value, share (0 to 1), tone, pattern}]; rows are kept, so that nothing flickers.
export function showBars(list, rows, chosen = null) {
  while (list.childElementCount > rows.length) list.lastElementChild.remove();
  while (list.childElementCount < rows.length) {
    const bar = element("span", "bar-line", element("span", "bar"));
    bar.ariaHidden = "true";
    const name = element(chosen ? "button" : "span", "bar-name");
    const words = element("span", "bar-words", name, " ", element("span", "bar-value"));
    list.append(element("li", "", words, bar));
  }
  rows.forEach((row, at) => {
    const item = list.children[at];
    const bar = item.querySelector(".bar");
    item.dataset.key = row.key ?? row.name;
    if (chosen) item.onclick = () => chosen(row.key);
    setText(item.querySelector(".bar-name"), row.name);
    setText(item.querySelector(".bar-value"), row.value);
    bar.dataset.tone = row.tone ?? "";
    bar.dataset.pattern = row.pattern ?? "solid";
    bar.dataset.empty = String(!(row.share > 0));
    bar.style.inlineSize = `${(Math.min(Math.max(row.share, 0), 1) * 100).toFixed(1)}%`;
  });
}
