"use strict";
// A class at each position: the share of each, and over a picture each but the first in its colour, as in masks.png.
const COLOURS = [
  "31,119,180", "255,127,14", "44,160,44", "214,39,40", "148,103,189", "140,86,75", "227,119,194", "127,127,127", "188,189,34",
  "23,190,207",
];
const LAID_OVER = 0.5;
const colour = (at) => COLOURS[at % COLOURS.length];

function classes(numbered, dims) {
  const counts = new Map();
  for (const at of numbered) counts.set(at, (counts.get(at) || 0) + 1);
  const over = dims.length === 2 && entry.overlay;
  for (const [at, count] of [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST_BARS)) {
    const line = made("p", "", answer, { className: "class" });
    made("i", "", line).style.background = over && at === 0 ? "none" : `rgb(${colour(at)})`;
    made("span", `${label(at)} ${(100 * count / numbered.length).toFixed(1)} %`, line);
  }
  answer.dataset.classes = JSON.stringify({ dims, classes: numbered.slice(0, 1e6) });
  if (!over) return;
  const shown = made("input", "", made("label", "mask ", answer), { type: "checkbox", checked: true });
  const paint = () => entry.overlay(dims[1], dims[0], (at) => [colour(numbered[at]), numbered[at] ? LAID_OVER : 0], "crisp");
  shown.addEventListener("change", () => (shown.checked ? paint() : entry.bare()));
  paint();
}
