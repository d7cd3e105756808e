// @ts-check
// A series' colour and pattern; the pattern tells it apart without colour. aside.css has the same patterns for bars.

import { labelTone } from "../words/format.js";

const PATTERNS = ["solid", "stripes", "lines", "grid", "steep", "dense"];
const TILE = 8;

// [{tone, pattern}] for series in their order.
export function looks(series) {
  let next = 0;
  return series.map(({ label }) => {
    const tone = label ? labelTone(label) : "none";
    if (/\d/.test(tone)) return { tone, pattern: PATTERNS[next++ % PATTERNS.length] };
    return { tone, pattern: tone === "none" && label ? "dots" : "blank" };
  });
}

const STROKES = {
  stripes: [[0, TILE, TILE, 0], [-2, 2, 2, -2], [TILE - 2, TILE + 2, TILE + 2, TILE - 2]],
  steep: [[0, 0, TILE, TILE], [-2, TILE - 2, 2, TILE + 2], [TILE - 2, -2, TILE + 2, 2]],
  lines: [[0, TILE / 2, TILE, TILE / 2]],
  dense: [[0, 1, TILE, 1], [0, 5, TILE, 5], [1, 0, 1, TILE], [5, 0, 5, TILE]],
  grid: [[0, TILE / 2, TILE, TILE / 2], [TILE / 2, 0, TILE / 2, TILE]],
};

// A fill for `context`: the pattern in `colour` on `ground`, so that nothing below it shows.
export function fill(context, pattern, colour, ground) {
  const ratio = devicePixelRatio || 1;
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.round(TILE * ratio);
  const brush = tile.getContext("2d");
  brush.scale(ratio, ratio);
  brush.fillStyle = pattern === "solid" ? colour : ground;
  brush.fillRect(0, 0, TILE, TILE);
  brush.strokeStyle = brush.fillStyle = colour;
  brush.lineWidth = 2;
  for (const [x1, y1, x2, y2] of STROKES[pattern] ?? []) {
    brush.beginPath();
    brush.moveTo(x1, y1);
    brush.lineTo(x2, y2);
    brush.stroke();
  }
  if (pattern === "dots") for (const [x, y] of [[2, 2], [6, 6]]) brush.fillRect(x - 1, y - 1, 1.6, 1.6);
  return context.createPattern(tile, "repeat");
}
