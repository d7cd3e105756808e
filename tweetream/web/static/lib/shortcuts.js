// @ts-check
// What each key does.

import { listen } from "./keys.js";
import { closeMenu } from "./menu.js";

export function shortcuts({ columns, filters, sheets, closeWhy, wall, pause, leaveWall }) {
  const step = (by) => columns.current.posts.step(by);
  listen(document, {
    "/": () => {
      if (document.getElementById("bar-filters").checkVisibility()) sheets.show("filters");
      filters.text.focus();
    },
    j: () => step(1),
    k: () => step(-1),
    p: () => columns.topics.length > 0 && pause(),
    // closes what is open, or leaves the post; words are cleared only where they are typed
    Escape: ({ target }) => {
      if (target === filters.text && filters.text.value) return filters.clearText();
      if (closeMenu() || sheets.close() || closeWhy()) return undefined;
      if (wall.part?.on) return leaveWall();
      if (!target.matches("input, select, .post *, .post")) return false;
      target.blur();
    },
  });
}
