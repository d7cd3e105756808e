// @ts-check
// When a person last did something on the page.

let last = 0;
const note = () => (last = performance.now());
for (const type of ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"]) addEventListener(type, note, { passive: true });

export const lastHand = () => last;
