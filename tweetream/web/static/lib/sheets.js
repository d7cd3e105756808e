// @ts-check
// On a phone, filters, charts and alerts are sheets above a bar at the lower edge; one is open at a time.

const NAMES = ["filters", "charts", "alerts"];

export class Sheets {
  // opened(name) is called when a sheet opens.
  constructor(document, opened) {
    this.body = document.body;
    this.buttons = NAMES.map((name) => document.getElementById(`bar-${name}`));
    this.opened = opened;
    for (const [nth, button] of this.buttons.entries()) {
      button.addEventListener("click", () => this.show(this.name === NAMES[nth] ? "" : NAMES[nth]));
    }
    this.show("");
  }

  get name() {
    return this.body.dataset.sheet ?? "";
  }

  show(name) {
    const was = this.name;
    this.body.dataset.sheet = name;
    for (const [nth, button] of this.buttons.entries()) button.ariaExpanded = String(NAMES[nth] === name);
    if (name && name !== was) this.opened(name);
  }

  // Whether one was open.
  close() {
    const at = NAMES.indexOf(this.name);
    if (at < 0 || !this.buttons[at].checkVisibility()) return false;
    this.show("");
    this.buttons[at].focus();
    return true;
  }
}
