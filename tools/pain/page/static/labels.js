// Ground truth: which frames labels are of, and how far a curve is from them, or from another curve.

// Labels by frame, NaN where there is none; of several raters the mean. raters: as the server reads them, {by, at, until,
// label, unmarked} each.
export function placeLabels(raters, curve) {
  const each = raters.map(labels => labels.by === "interval" ? placeIntervals(labels, curve) : placePoints(labels, curve));
  return Float32Array.from({length: curve.count}, (_, frame) => {
    const rated = each.map(placed => placed[frame]).filter(label => !Number.isNaN(label));
    return rated.length ? rated.reduce((sum, label) => sum + label) / rated.length : NaN;
  });
}

// An interval's label is that of all frames from its onset to before its offset, give or take half a millisecond.
function placeIntervals(labels, curve) {
  const placed = new Float32Array(curve.count).fill(labels.unmarked ?? NaN), half = 5.01e-4;
  labels.at.forEach((onset, i) => {
    for (let frame = Math.max(0, curve.nearest(onset) - 1); frame < curve.count; frame++) {
      if (curve.times[frame] >= labels.until[i] - half) break;
      if (curve.times[frame] >= onset - half) placed[frame] = labels.label[i];
    }
  });
  return placed;
}

// A time's label is its nearest frame's, if that is no further off than half a usual frame; of several the nearest one
// counts.
function placePoints(labels, curve) {
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

// How far a person's intensities are from others, placed by frame, over frames that have both: {frames, mae, pcc}; NaN: undefined.
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
