// Which of these pairs of modules are not the same program: node programs.js < [[NAME, TEXT, TEXT], …], names as JSON.
//
// A program is its syntax tree: names, operators, and every string, template and pattern to the letter; not where they stand.
import { parse } from "acorn";

const place = new Set(["start", "end"]);
const tree = (text) =>
  JSON.stringify(parse(text, { ecmaVersion: "latest", sourceType: "module" }), (key, value) => (place.has(key) ? undefined : value));

// What does not parse is no program, and the same as none.
function isSame(one, other) {
  try {
    return tree(one) === tree(other);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

let given = "";
for await (const part of process.stdin.setEncoding("utf8")) given += part;
const pairs = JSON.parse(given);
console.log(JSON.stringify(pairs.filter(([, one, other]) => !isSame(one, other)).map(([name]) => name)));
