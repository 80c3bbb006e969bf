// The colours of the style sheet, for canvases.
const NAMES = ["line", "soft", "ink", "paper", "shade", "none", "interpolated", "doubt", "truth", "over", "episode", "c0", "c1",
  "c2", "c3", "c4", "c5", "c6"];
let colors = {};

// Read them again: light and dark differ.
export function readColors() {
  const all = getComputedStyle(document.documentElement);
  colors = Object.fromEntries(NAMES.map(name => [name, all.getPropertyValue("--" + name).trim()]));
}

export const style = name => colors[name];
export const colorOf = person => colors["c" + (person - 1) % 7];
