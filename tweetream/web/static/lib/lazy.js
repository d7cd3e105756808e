// @ts-check
// A part of the page that is loaded when it is needed first, with its words and styles.

import { laterWords } from "../words/words.js";

// Resolves when the styles count, or cannot be loaded: the part works without them.
const styled = (name) =>
  new Promise((done) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href: `static/styles/${name}.css`, onload: done, onerror: done });
    document.head.append(link);
  });

/**
 * `load` makes the part; failed() is called where it could not be loaded. The next use tries again.
 * @template Part
 * @param {() => Promise<Part>} load
 * @param {() => void} failed
 * @param {string} [style]
 */
export function lazy(load, failed, style) {
  let part = /** @type {Part | null} */ (null);
  let loading = /** @type {Promise<[Part, unknown]> | null} */ (null);
  return {
    // null while it is not there
    get part() {
      return part;
    },
    // Runs act(part) as soon as it is there.
    async use(act = (/** @type {Part} */ _part) => {}) {
      try {
        loading ??= Promise.all([laterWords().then(load), style && styled(style)]);
        [part] = await loading;
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // what is not loaded is one
        loading = null;
        return failed();
      }
      act(part);
    },
  };
}
