// Which of the page's modules imports which.

import { posix } from "node:path";
import { pageFiles } from "./files.js";

// The page's files: their texts by their paths.
export const FILES = new Map(pageFiles().map(({ path, text }) => [path, text]));

// What a module imports at once, in its first lines.
export const imports = (path) =>
  [...FILES.get(path).matchAll(/^import\b[^"]*"(\.[^"]*)";/gm)].map(([, to]) => posix.join(posix.dirname(path), to));

// A module with all that it imports, and what they import.
export function reached(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const next of imports(path)) reached(next, found);
  return found;
}
