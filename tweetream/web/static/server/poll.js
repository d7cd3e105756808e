// @ts-check
// Asks at intervals while the page is visible, and at once when it becomes visible. Never twice at a time.

export class Poll {
  #timer = 0;
  #asking = false;
  #wanted = false;

  // ask() resolves when it has handled the answer; it handles failures itself.
  constructor(ask, delay) {
    this.ask = ask;
    this.delay = delay;
    this.on = false;
    document.addEventListener("visibilitychange", () => this.on && this.now());
  }

  start() {
    this.on = true;
    this.now();
  }

  stop() {
    this.on = false;
    clearTimeout(this.#timer);
  }

  async now() {
    clearTimeout(this.#timer);
    this.#wanted = this.#asking;
    if (this.#asking || document.hidden || !this.on) return;
    this.#asking = true;
    try {
      await this.ask();
    } finally {
      this.#asking = false;
      if (this.on) this.#timer = setTimeout(() => this.now(), this.#wanted ? 0 : this.delay);
    }
  }
}
