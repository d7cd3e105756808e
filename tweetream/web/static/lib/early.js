// @ts-check
// Light or dark as the person chose on this device, before anything is drawn; theme.js goes on from there. No module, since
// those run after the first drawing.

try {
  document.documentElement.style.colorScheme = localStorage.getItem("tweetream-theme") ?? "";
} catch {
  // storage can be forbidden
}
