// Ground truth: which frames labels are of, and how far a curve is from them.

// The labels, {by: "frame" or "time_s", at, label} as the server reads them, by frame, NaN where there is none. A time's
// label is its nearest frame's, if that is no further off than half a usual frame; of several the nearest one counts.
export function placeLabels(labels, curve) {
  const placed = new Float32Array(curve.count).fill(NaN), distances = new Float64Array(curve.count).fill(Infinity);
  const lasts = curve.times.slice(1, curve.count).map((time, i) => time - curve.times[i]).sort();
  const most = (lasts.length ? lasts[lasts.length >> 1] : Infinity) / 2 + 1e-6;
  labels.at.forEach((place, i) => {
    const at = labels.by === "frame" ? place : curve.nearest(place);
    const distance = labels.by === "frame" ? 0 : Math.abs(curve.times[at] - place);
    if (at >= curve.count || distance > most || distance >= distances[at]) return;
    placed[at] = labels.label[i];
    distances[at] = distance;
  });
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
