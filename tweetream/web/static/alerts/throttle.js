// @ts-check
// Limits calls to one in a given time, and counts the items between.

const CLOCK = {
  now: () => performance.now(),
  later: (then, wait) => setTimeout(then, wait), // setTimeout itself refuses to be called as a method
  never: (timer) => clearTimeout(timer),
};

// At most one call of act(item, how many since the last call) in each `pause`; items in between are counted.
export class Throttle {
  #count = 0;
  #last = null;
  #free = -Infinity; // when the next may go
  #timer = 0;

  constructor(act, pause, clock = CLOCK) {
    this.act = act;
    this.pause = pause;
    this.clock = clock;
  }

  add(item) {
    this.#count += 1;
    this.#last = item;
    if (this.#timer) return;
    const wait = this.#free - this.clock.now();
    if (wait <= 0) this.#go();
    else this.#timer = this.clock.later(() => this.#go(), wait);
  }

  clear() {
    this.clock.never(this.#timer);
    this.#timer = 0;
    this.#count = 0;
  }

  #go() {
    const [item, count] = [this.#last, this.#count];
    this.#free = this.clock.now() + this.pause;
    this.#timer = 0;
    this.#count = 0;
    this.act(item, count);
  }
}
