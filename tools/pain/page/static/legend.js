// What stands beside the curve: its legend, and the figures that hold for all of it.
import {colorOf, style} from "./colors.js";
import {INTERPOLATED, NONE, countAbove} from "./curve.js";
import {element, get} from "./elements.js";
import {agreement} from "./labels.js";
import {chosen, page} from "./state.js";
import {plural} from "./words.js";

export function showLegend() {
  const entries = legendOf(chosen());
  const same = JSON.stringify(entries);
  if (get("legend").dataset.shown === same) return;
  get("legend").dataset.shown = same;
  get("legend").replaceChildren(...entries.map(([color, text, kind]) => {
    const item = element("li", ""), mark = element("i", "", {className: kind});
    mark.style.background = color;
    mark.style.opacity = kind === "area" && color === colorOf(page.person) ? 0.35 : 1;
    item.append(mark, text);
    return item;
  }));
}

// [colour, text, "area" or ""] of each thing that is drawn. one: the chosen person, or undefined.
function legendOf(one) {
  const {curve, over, person, placed} = page, entries = [];
  for (const number of [...curve.people.keys()].sort((a, b) => a - b)) {
    entries.push([colorOf(number), curve.people.size > 1 ? "person " + number : "intensity", ""]);
  }
  if (one && one.has.smoothed) entries.push([colorOf(person), "smoothed, before it as measured", ""]);
  if (one && one.has.low) entries.push([colorOf(person), "90 % of what observers say", "area"]);
  else if (one && one.has.spread) entries.push([colorOf(person), "spread of the nets", "area"]);
  if (placed) entries.push([style("truth"), "labels (dotted)", ""]);
  if (over) entries.push([style("over"), `${over.name} (dashed${over.notice ? "; " + over.notice : ""})`, ""]);
  const faces = one ? one.face.subarray(0, curve.count) : [];
  if (faces.includes(NONE)) entries.push([style("none"), "no face", "area"]);
  if (faces.includes(INTERPOLATED)) entries.push([style("interpolated"), "face interpolated", ""]);
  if (one && one.doubt.size) entries.push([style("doubt"), "in doubt", "area"]);
  return entries;
}

export function showFigures() {
  const {curve, over, placed, live} = page;
  const threshold = Number(get("threshold").value);
  const [all, above, seconds] = countAbove(curve, chosen(), threshold);
  get("threshold-value").textContent = threshold.toFixed(1);
  get("above").textContent = all ? `${seconds.toFixed(1)} s at or above it, in ${plural(above, "frame")}: `
    + `${(100 * above / all).toFixed(0)} % of those with an intensity` : "";
  get("agreement").hidden = !(placed || over) || live !== null;
  if (placed || over) get("agreement").textContent = agreementWords();
}

// How far the curve is from the labels, and from the curve that is laid over it.
export function agreementWords() {
  const {over, placed} = page, parts = [];
  if (placed) parts.push(agreementWith("the labels", "a label", placed));
  if (over) parts.push(agreementWith(over.name, "an intensity there", over.placed));
  return parts.join(" ");
}

function agreementWith(what, value, values) {
  const one = chosen(), {frames, mae, pcc} = one ? agreement(one, values) : {frames: 0};
  const text = figure => Number.isNaN(figure) ? "undefined" : figure.toFixed(3);
  return frames ? `Against ${what}, over ${plural(frames, "frame")} with both: MAE ${text(mae)}, PCC ${text(pcc)}.`
    : `No frame has both ${value} and an intensity.`;
}
