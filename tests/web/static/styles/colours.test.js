// The colours of labels: six that can be told apart, also by the colour-blind, on each ground in light and dark.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pageFiles } from "../files.js";

const { text } = pageFiles().find(({ path }) => path === "styles/style.css");
const colour = (theme, name) => {
  const { [theme]: hex } = new RegExp(`--${name}: light-dark\\(#(?<light>[0-9a-f]{6}), #(?<dark>[0-9a-f]{6})\\);`).exec(text).groups;
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
};
const linear = (rgb) => rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, factor, at) => sum + factor * vector[at], 0));

// Machado, Oliveira and Fernandes (2009), complete.
const EYES = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  "without red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  "without green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  "without blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];

function lab(rgb) {
  const [x, y, z] = times(XYZ, rgb.map((c) => Math.min(1, Math.max(0, c)))).map((c, at) => c / [0.95047, 1, 1.08883][at])
    .map((c) => (c > 0.008856 ? Math.cbrt(c) : 7.787 * c + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
const luminance = (rgb) => times(XYZ, linear(rgb))[1];

for (const theme of ["light", "dark"]) {
  const tones = [...[0, 1, 2, 3, 4, 5].map((n) => `tone-${n}`), "tone-none"];

  test(`six labels and the rest differ for every eye, ${theme}`, () => {
    for (const [eye, matrix] of Object.entries(EYES)) {
      const seen = tones.map((tone) => lab(times(matrix, linear(colour(theme, tone)))));
      for (const [at, one] of seen.entries()) {
        for (const [other, two] of seen.entries()) {
          if (at < other) assert.ok(Math.hypot(...one.map((c, n) => c - two[n])) > 15, `${eye}: ${tones[at]} and ${tones[other]}`);
        }
      }
    }
  });

  test(`a label can be read on a post and on the page, ${theme}`, () => {
    for (const tone of [...tones, "soft"]) {
      for (const ground of ["card", "page"]) {
        const [a, b] = [luminance(colour(theme, tone)), luminance(colour(theme, ground))].sort((x, y) => y - x);
        assert.ok((a + 0.05) / (b + 0.05) >= 4.5, `${tone} on ${ground}`);
      }
    }
  });
}
