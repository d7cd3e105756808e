// The page's own files, as they stand in the repository.

import { readdirSync, readFileSync } from "node:fs";

const STATIC = new URL("../../../tweetream/web/static/", import.meta.url);

// [{path, text}] of what a browser reads as text, in the order of their paths.
export const pageFiles = () =>
  readdirSync(STATIC, { recursive: true })
    .map((path) => String(path).replaceAll("\\", "/"))
    .filter((path) => /\.(html|css|js)$/.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(new URL(path, STATIC), "utf8") }));
