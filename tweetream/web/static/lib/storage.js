// @ts-check
// What the page remembers on this device. Storage can be forbidden; then a choice lasts as long as the page.

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
