// @ts-check
// The sign of a topic that is muted on this device: a bell that is crossed out, with a name.

import { list, t } from "../words/words.js";

const SVG = "http://www.w3.org/2000/svg";

function bell() {
  const [svg, path] = [document.createElementNS(SVG, "svg"), document.createElementNS(SVG, "path")];
  svg.setAttribute("viewBox", "0 0 16 16");
  path.setAttribute("d", "M4 12V7a4 4 0 0 1 8 0v5M2 12h12M7 15h2M2 2l12 12");
  svg.append(path);
  return svg;
}

// What a list of these topics has to say.
export const mutedWords = (names) => (names.length ? t("topics.mutedNames", { names: list(names) }) : "");

// Gives an empty element the sign with these words, or hides it where there are none.
export function showMuted(sign, words) {
  if (!sign.firstChild) sign.append(bell());
  sign.hidden = !words;
  [sign.role, sign.ariaLabel, sign.title] = ["img", words, words];
}
