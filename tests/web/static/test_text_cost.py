"""The page's own text code takes a time that grows with the text alone, for hostile texts of 64 KiB."""

import json

import pytest
from support.browser import page_modules
from support.hostile_texts import FAMILIES

pytestmark = pytest.mark.node
LENGTH = 64 * 1024
SCRIPT = """
const made = (tag) => ({ tag, dataset: {}, append() {} });
globalThis.document = { documentElement: {}, querySelectorAll: () => [], createElement: made };
const { Marker } = await import("#page/posts/match.js");
const { pieces } = await import("#page/posts/post.js");
const { foundRanges, passing } = await import("#page/posts/query.js");
const { printOf } = await import("#page/posts/folding.js");
const { placesOf } = await import("#page/posts/reasons.js");
const { csvRows } = await import("#page/posts/csv.js");
const texts = %s;
const marker = new Marker(["macet", `${"macet ".repeat(15)}x`, "*anjir*", "banjir*", "\\u6e0b\\u6ede", "a", "\\u0e23"]);
const query = `macet "\\u00e9 macet" -tol`;
const filter = passing({ labels: [], minScore: 0, text: query });
const steps = {
  mark: (text) => marker.ranges(text),
  term: (text) => new Marker([text.slice(0, 100)]),
  pieces: (text) => pieces(text, marker.ranges(text)),
  filter: (text) => filter({ post: { text } }),
  found: (text) => foundRanges(query, text),
  fold: (text) => printOf(text),
  reasons: (text) => placesOf(text, [["macet", 1], ["tol", 1], ["macet", 1]]),
  csv: (text) => csvRows([{ text }]),
};
const seconds = (run, text, times = 2) => Math.min(...Array.from({ length: times }, () => {
  const before = process.cpuUsage();
  run(text);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}));
const slow = [];
for (const [name, [whole, part]] of Object.entries(texts)) {
  for (const [step, run] of Object.entries(steps)) {
    const long = seconds(run, whole);
    if (long < 0.2) continue;
    const short = seconds(run, part);
    if (long > 9 * short || long > 1) slow.push([name, step, short, long]);
  }
}
console.log(JSON.stringify(slow));
"""


def test_no_hostile_text_halts_the_page() -> None:
    """Stops posts with runs of combining marks, brackets, dashes or signs that would send a pattern backtracking."""
    texts = {name: (family.text(LENGTH), family.text(LENGTH // 4)) for name, family in FAMILIES.items()}
    assert page_modules.run(SCRIPT % json.dumps(texts)) == []
