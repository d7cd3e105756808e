// @ts-check
// The menu of a topic: one for all rows. It is a popover, so the browser closes it at a click elsewhere, and nothing cuts it.

import { button } from "../lib/elements.js";
import { t } from "../words/words.js";

const GAP = 4; // px

export class TopicMenu {
  #name = "";
  #opener = /** @type {HTMLElement | null} */ (null);

  // acts: {edit, mute, remove}, each called with a name; muted(name) says what "mute" would change.
  constructor(document, acts, muted) {
    this.muted = muted;
    this.items = { edit: button("menu-item", "", "edit"), mute: button("menu-item", "", "mute"), remove: button("menu-item danger", "", "remove") };
    this.panel = document.createElement("div");
    this.panel.id = "topic-menu";
    this.panel.className = "topic-menu";
    this.panel.popover = "auto";
    this.panel.append(...Object.values(this.items));
    document.body.append(this.panel);
    for (const [act, item] of Object.entries(this.items)) {
      item.addEventListener("click", () => {
        this.panel.hidePopover();
        acts[act](this.#name);
      });
    }
    this.panel.addEventListener("keydown", (event) => this.#onKey(event));
    // it stays where it was opened, so it goes when the row moves
    for (const type of ["scroll", "resize"]) addEventListener(type, () => this.panel.hidePopover(), { capture: true, passive: true });
  }

  // Makes `opener` the button that opens the menu for the topic.
  attach(opener, name) {
    opener.popoverTargetElement = this.panel;
    opener.addEventListener("click", () => this.#fill(opener, name)); // the browser opens it after this
  }

  #fill(opener, name) {
    [this.#name, this.#opener] = [name, opener];
    const muted = this.muted(name);
    this.panel.ariaLabel = t("topics.menu", { name });
    const say = (item, key, label) => {
      item.textContent = t(key);
      item.ariaLabel = t(label, { name });
    };
    say(this.items.edit, "topics.edit", "topics.editLabel");
    say(this.items.mute, muted ? "topics.unmute" : "topics.mute", muted ? "topics.unmuteLabel" : "topics.muteLabel");
    say(this.items.remove, "topics.delete", "topics.deleteLabel");
    this.#place();
  }

  // Below the button where there is room, else above it.
  #place() {
    const { left, right, top, bottom } = this.#opener.getBoundingClientRect();
    const { style } = this.panel;
    const below = innerHeight - bottom > 170;
    style.top = below ? `${bottom + GAP}px` : "auto";
    style.bottom = below ? "auto" : `${innerHeight - top + GAP}px`;
    const onLeft = left < innerWidth / 2;
    style.left = onLeft ? `${Math.max(GAP, Math.min(left, innerWidth - 260))}px` : "auto";
    style.right = onLeft ? "auto" : `${Math.max(GAP, innerWidth - right)}px`;
  }

  #onKey(event) {
    const items = Object.values(this.items);
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) items.at((at + step) % items.length).focus();
    else if (event.key === "Escape") this.panel.hidePopover(); // the focus returns to the button
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
