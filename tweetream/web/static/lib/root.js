// @ts-check
// Knows where the worker is: a proxy may serve it below a path of its own, as https://HOST/tweetream/.

const page = globalThis.document?.baseURI ?? "http://localhost/";
const prefix = new URL(".", page).pathname.slice(0, -1);

// The address of a path of the worker, such as /topics
export const at = (path) => prefix + path;
