// Ground truth: a file of labels, which frames they are of, and how far a curve is from them.
import {TOP} from "./curve.js";

// The text of a CSV file as pain/video/labels.py reads it, columns label and frame or time_s: [{frame or time, label}].
// Throws an Error that names the line at fault.
export function parseLabels(text) {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/).map((line, i) => [i + 1, line.trim()])
    .filter(([, line]) => line && !line.startsWith("#"));
  const cells = line => line.split(/[,;\t]/).map(cell => cell.trim().replace(/^"(.*)"$/, "$1"));
  const names = lines.length ? cells(lines[0][1]).map(name => name.toLowerCase()) : [];
  const of = names.indexOf("label"), byFrame = names.includes("frame");
  const where = byFrame ? names.indexOf("frame") : names.indexOf("time_s");
  const seen = new Set();
  if (of < 0 || where < 0) throw new Error("no columns frame,label or time_s,label in its first line");
  const labels = lines.slice(1).map(([line, content]) => {
    const row = cells(content), label = row[of] ? Number(row[of]) : NaN, at = row[where] ? Number(row[where]) : NaN;
    if (!Number.isFinite(at) || at < 0 || (byFrame && !Number.isInteger(at))) {
      throw new Error(`line ${line}: the ${names[where]} is none`);
    }
    if (!Number.isInteger(label) || label < 0 || label > TOP) {
      throw new Error(`line ${line}: the label is not an integer 0..${TOP}; a PSPI must be quantised first`);
    }
    if (seen.has(at)) throw new Error(`line ${line}: the ${names[where]} is there more than once`);
    seen.add(at);
    return byFrame ? {frame: at, label} : {time: at, label};
  });
  if (!labels.length) throw new Error("no labels in it");
  return labels;
}

// The labels by frame, NaN where there is none. A time's label is its nearest frame's, if that is no further off than
// half a usual frame; of several the nearest one counts.
export function placeLabels(labels, curve) {
  const placed = new Float32Array(curve.count).fill(NaN), distances = new Float64Array(curve.count).fill(Infinity);
  const lasts = curve.times.slice(1, curve.count).map((time, i) => time - curve.times[i]).sort();
  const most = (lasts.length ? lasts[lasts.length >> 1] : Infinity) / 2 + 1e-6;
  for (const {frame, time, label} of labels) {
    const at = frame === undefined ? curve.nearest(time) : frame;
    const distance = frame === undefined ? Math.abs(curve.times[at] - time) : 0;
    if (at >= curve.count || distance > most || distance >= distances[at]) continue;
    placed[at] = label;
    distances[at] = distance;
  }
  return placed;
}

// How far a person's intensities are from labels, over frames that have both: {frames, mae, pcc}; NaN: undefined.
export function agreement(person, placed) {
  let n = 0, error = 0, x = 0, y = 0;
  const both = frame => !Number.isNaN(placed[frame]) && !Number.isNaN(person.intensity[frame]);
  for (let f = 0; f < placed.length; f++) {
    if (!both(f)) continue;
    n++;
    error += Math.abs(person.intensity[f] - placed[f]);
    x += placed[f];
    y += person.intensity[f];
  }
  let xx = 0, yy = 0, xy = 0;
  for (let f = 0; f < placed.length; f++) {
    if (!both(f)) continue;
    const dx = placed[f] - x / n, dy = person.intensity[f] - y / n;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const varies = xx > 1e-12 * n && yy > 1e-12 * n;
  return {frames: n, mae: n ? error / n : NaN, pcc: varies ? xy / Math.sqrt(xx * yy) : NaN};
}
