// @ts-check
// What the page remembers on this device. Storage can be forbidden; then a choice lasts as long as the page.

import { at } from "./root.js";

// The key of what belongs to this deployment alone: several can share an address, each below a path of its own.
export const ownKey = (key) => key + at("");

export function kept(key) {
  try {
    return localStorage.getItem(`tweetream-${key}`);
  } catch {
    return null;
  }
}

export function keep(key, value) {
  try {
    localStorage.setItem(`tweetream-${key}`, value);
  } catch {
    // see above
  }
}
