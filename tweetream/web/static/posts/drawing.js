// @ts-check
// When a list draws: soon after a change, and not more often than the browser can keep up with; whether it is read, and
// where the focus goes.

export const MANY = 30; // new posts in one draw, after which the next draw waits longer
const DELAY = 100;
const BUSY_DELAY = 200;
const QUIET = 600; // ms without a draw, after which new posts are highlighted: many highlights cost too much

const due = /** @type {(() => void)[]} */ ([]); // the lists that wait for a frame

// One list draws in a frame: six columns in one frame would be one long task.
function inFrame(draw) {
  due.push(draw);
  if (due.length === 1) requestAnimationFrame(nextFrame);
}

function nextFrame() {
  try {
    due[0]();
  } finally {
    due.shift();
    if (due.length) requestAnimationFrame(nextFrame);
  }
}

export class Drawing {
  #scheduled = false;
  #drawn = 0; // when
  #busy = false;

  // draw(quiet) is told whether nothing was drawn lately; it returns how many posts are new.
  constructor(draw) {
    this.draw = draw;
  }

  schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const draw = () => inFrame(() => this.#draw());
    const wait = this.#drawn + (this.#busy ? BUSY_DELAY : DELAY) - performance.now();
    if (wait > 0) setTimeout(draw, wait);
    else draw();
  }

  #draw() {
    this.#scheduled = false;
    this.#busy = this.draw(performance.now() - this.#drawn > QUIET) >= MANY;
    this.#drawn = performance.now(); // after the work, so that other work gets its time
  }
}

// Whether a person reads this list: it is scrolled down, or has the focus or marked text.
export function isRead(list, atTop) {
  if (!list.firstElementChild) return false;
  if (document.querySelector("dialog[open]")) return true; // after the dialog the list must be where it was
  const selection = getSelection();
  const marked = selection && !selection.isCollapsed && list.contains(selection.anchorNode);
  return marked || list.contains(document.activeElement) || !atTop;
}

// The post by `step` from the one with the focus, or the first below the edge.
export function itemAt(list, edge, step) {
  const items = [...list.querySelectorAll(".post")];
  const now = items.findIndex((item) => item.contains(document.activeElement));
  const seen = items.findIndex((item) => item.getBoundingClientRect().top >= edge - 4);
  return items[now >= 0 ? now + step : Math.max(0, seen)];
}

export function focusOn(item) {
  item?.firstElementChild.focus({ preventScroll: true });
  item?.scrollIntoView({ block: "nearest" });
}
