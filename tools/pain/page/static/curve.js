// The curve: its frames as they arrive, what can be said of them, labels beside them, and the picture drawn of all.

export const TOP = 5;  // the highest intensity
export const FACES = ["found", "interpolated", "none"];  // a face is one of these in a row, and its place in arrays
export const [FOUND, INTERPOLATED, NONE] = FACES.keys();
const VALUES = ["intensity", "spread", "low", "high", "smoothed"];
const PER_PERSON = {...Object.fromEntries(VALUES.map(name => [name, 1])), box: 4, landmarks: 10};

// The server's rows as objects: it sends the names of their columns once, and a list of values each.
export function named({columns, rows}) {
  return rows.map(values => Object.fromEntries(columns.map((name, i) => [name, values[i]])));
}

function grown(array, size, fill) {
  const larger = new array.constructor(size).fill(fill);
  larger.set(array);
  return larger;
}

// Frames 0..count-1, and of each person arrays by frame: NaN where there is nothing.
export class Curve {
  constructor() {
    this.count = 0;
    this.room = 1024;
    this.times = new Float64Array(this.room);
    this.people = new Map();
  }

  // row: one of named(); frame: its place here.
  add(row, frame = row.frame) {
    if (frame >= this.room) this.grow(frame);
    this.times[frame] = row.time_s;
    this.count = Math.max(this.count, frame + 1);
    if (row.person === 0) return;  // nobody in this frame
    if (!this.people.has(row.person)) this.people.set(row.person, this.newPerson(row.person));
    const person = this.people.get(row.person);
    person.face[frame] = FACES.indexOf(row.face);
    if (row.doubt) person.doubt.set(frame, row.doubt);
    for (const name of VALUES) {
      if (row[name] === null) continue;
      person[name][frame] = row[name];
      person.has[name] = true;
    }
    if (row.box) person.box.set(row.box, 4 * frame);
    if (row.landmarks) person.landmarks.set(row.landmarks.flat(), 10 * frame);
  }

  newPerson(number) {
    const person = {number, has: {}, doubt: new Map(), face: new Uint8Array(this.room).fill(NONE)};
    for (const [key, width] of Object.entries(PER_PERSON)) person[key] = new Float32Array(width * this.room).fill(NaN);
    return person;
  }

  grow(frame) {
    this.room = Math.max(2 * this.room, frame + 1);
    this.times = grown(this.times, this.room, 0);
    for (const person of this.people.values()) {
      person.face = grown(person.face, this.room, NONE);
      for (const [key, width] of Object.entries(PER_PERSON)) person[key] = grown(person[key], width * this.room, NaN);
    }
  }

  get end() { return this.count ? this.times[this.count - 1] : 0; }

  // The last frame that begins at or before this time; the first for an earlier one.
  frameAt(time) {
    let low = 0, high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time + 1e-4) low = middle; else high = middle - 1;
    }
    return low;
  }

  // The frame whose time is nearest.
  nearest(time) {
    const before = this.frameAt(time), after = Math.min(before + 1, this.count - 1);
    return this.times[after] - time < time - this.times[before] ? after : before;
  }

  // A moment at which a player surely shows the frame, and no other.
  within(frame) {
    const next = frame + 1 < this.count ? this.times[frame + 1]
      : this.times[frame] + (frame ? this.times[frame] - this.times[frame - 1] : 0.02);
    return (this.times[frame] + next) / 2;
  }
}

// The frame of the highest intensity among frames first..last; -1 if there is none.
export function apexOf(person, first, last) {
  let apex = -1;
  for (let frame = first; person && frame <= last; frame++) {
    const value = person.intensity[frame];
    if (!Number.isNaN(value) && (apex < 0 || value > person.intensity[apex])) apex = frame;
  }
  return apex;
}

// The frames that have an intensity, and those at or above the threshold: [with, above].
export function countAbove(curve, person, threshold) {
  let all = 0, above = 0;
  for (let frame = 0; person && frame < curve.count; frame++) {
    if (Number.isNaN(person.intensity[frame])) continue;
    all++;
    if (person.intensity[frame] >= threshold) above++;
  }
  return [all, above];
}

// Labels.

// The text of a CSV file as pain/video/labels.py has it, columns label and frame or time_s: [{frame or time, label}]. Throws
// an Error that names the line at fault.
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

// The picture.

export const STRIPS = ["face", "doubt"];
const STRIP = 9, AXIS = 20, GAP = 4;  // pixels high
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

// Where things are in a picture of this size that shows the seconds from..to.
export function geometry(width, height, from, to) {
  const left = 44, right = width - 12, top = 10, bottom = height - AXIS - STRIPS.length * (STRIP + GAP) - 8;
  const span = Math.max(to - from, 1e-6);
  return {width, height, left, right, top, bottom, from, to: from + span,
    x: time => left + (time - from) / span * (right - left),
    y: value => bottom - value / TOP * (bottom - top),
    time: x => from + (x - left) / (right - left) * span,
    strip: i => bottom + 10 + i * (STRIP + GAP)};
}

export function clock(seconds, digits = 0) {
  const tens = 10 ** digits, whole = Math.round(Math.max(0, seconds) * tens) / tens;
  const rest = (whole % 60).toFixed(digits);
  return `${Math.floor(whole / 60)}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

// values(frame) of frames first..last by pixel column: runs without gaps of {x, low, high, start, end}.
function runs(geometry, curve, first, last, low, high = low) {
  const all = [];
  let run = null, column = null;
  for (let frame = first; frame <= last; frame++) {
    const bottom = low(frame), top = high(frame);
    if (Number.isNaN(bottom) || Number.isNaN(top)) { run = column = null; continue; }
    const x = geometry.x(curve.times[frame]);
    if (!run) all.push(run = []);
    if (column && Math.floor(x) === Math.floor(column.x)) {
      column.low = Math.min(column.low, bottom);
      column.high = Math.max(column.high, top);
      column.end = top;
    } else {
      run.push(column = {x, low: bottom, high: top, start: top, end: top});
    }
  }
  return all;
}

function strokeRuns(context, geometry, all) {
  context.beginPath();
  for (const run of all) {
    context.moveTo(run[0].x, geometry.y(run[0].start));
    for (const {x, low, high, start, end} of run) {
      context.lineTo(x, geometry.y(start));
      if (low !== high) {
        context.lineTo(x, geometry.y(low));
        context.lineTo(x, geometry.y(high));
        context.lineTo(x, geometry.y(end));
      }
    }
    if (run.length === 1) context.lineTo(run[0].x + 0.01, geometry.y(run[0].end));  // alone, a dot
  }
  context.stroke();
}

function fillRuns(context, geometry, all) {
  context.beginPath();
  for (const run of all) {
    run.forEach(({x, high}, i) => context[i ? "lineTo" : "moveTo"](x, geometry.y(Math.min(TOP, high))));
    run.slice().reverse().forEach(({x, low}) => context.lineTo(x, geometry.y(Math.max(0, low))));
    context.closePath();
  }
  context.fill();
}

// What shows how sure a person's intensities are: [low(frame), high(frame)], or null.
function bandOf(person) {
  if (person.has.low && person.has.high) return [frame => person.low[frame], frame => person.high[frame]];
  const {has, intensity, spread} = person;
  return has.spread ? [frame => intensity[frame] - spread[frame], frame => intensity[frame] + spread[frame]] : null;
}

// Draw on a 2-d context, in the pixels of `g` (a geometry). look: {person (its number), threshold, placed (labels by
// frame or null), episodes [{first, last}], style(name) and color(number) -> colour, relative (ticks from the end)}.
export function draw(context, g, curve, look) {
  const {style} = look, chosen = curve.people.get(look.person);
  const first = curve.frameAt(g.from), last = Math.min(curve.count - 1, curve.frameAt(g.to) + 1);
  context.font = "12px system-ui, sans-serif";
  context.lineJoin = context.lineCap = "round";

  context.strokeStyle = style("line");
  context.fillStyle = style("soft");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (let value = 0; value <= TOP; value++) {
    const y = Math.round(g.y(value)) + 0.5;
    context.beginPath();
    context.moveTo(g.left, y);
    context.lineTo(g.right, y);
    context.stroke();
    context.fillText(String(value), g.left - 7, y);
  }
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  const fits = STEPS.find(step => step * (g.right - g.left) / (g.to - g.from) >= 64) || STEPS[STEPS.length - 1];
  const zero = look.relative ? g.to : 0;
  for (let k = Math.ceil((g.from - zero) / fits - 1e-9); k * fits + zero <= g.to + 1e-9; k++) {
    const x = g.x(k * fits + zero);
    context.fillText((k < 0 ? "\u2212" : "") + clock(Math.abs(k * fits), fits < 1 ? 1 : 0), Math.min(x, g.right - 8),
      g.height - 4);
    context.fillRect(Math.round(x), g.strip(STRIPS.length) - 1, 1, 4);
  }

  context.save();
  context.beginPath();
  context.rect(g.left, 0, g.right - g.left, g.height - AXIS);
  context.clip();
  context.fillStyle = style("episode");
  for (const episode of look.episodes || []) {
    const from = g.x(curve.times[episode.first]), to = g.x(curve.times[episode.last]);
    context.fillRect(from, g.top, Math.max(1, to - from), g.bottom - g.top);
  }
  if (curve.count) {
    const band = chosen && bandOf(chosen);
    if (band) {
      context.fillStyle = look.color(chosen.number);
      context.globalAlpha = 0.2;
      fillRuns(context, g, runs(g, curve, first, last, ...band));
      context.globalAlpha = 1;
    }
    if (look.placed) {
      context.strokeStyle = style("truth");
      context.lineWidth = 1.4;
      context.setLineDash([2, 3]);
      strokeRuns(context, g, runs(g, curve, first, last, frame => look.placed[frame]));
      context.setLineDash([]);
    }
    for (const person of [...curve.people.values()].filter(one => one !== chosen).concat(chosen || [])) {
      context.strokeStyle = look.color(person.number);
      if (person.has.smoothed) {  // as drawn, the filtered intensity leads and what was measured stands behind
        context.globalAlpha = 0.45;
        context.lineWidth = 1;
        strokeRuns(context, g, runs(g, curve, first, last, frame => person.intensity[frame]));
        context.globalAlpha = 1;
      }
      context.lineWidth = person === chosen ? 2 : 1;
      const leading = person.has.smoothed ? person.smoothed : person.intensity;
      strokeRuns(context, g, runs(g, curve, first, last, frame => leading[frame]));
    }
  }
  if (look.threshold !== null) {
    context.strokeStyle = style("soft");
    context.lineWidth = 1;
    context.setLineDash([6, 4]);
    context.beginPath();
    context.moveTo(g.left, g.y(look.threshold));
    context.lineTo(g.right, g.y(look.threshold));
    context.stroke();
    context.setLineDash([]);
  }
  if (curve.count) drawStrips(context, g, curve, chosen, first, last, style);
  context.restore();
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = style("soft");
  context.font = "11px system-ui, sans-serif";
  STRIPS.forEach((name, i) => context.fillText(name, g.left - 7, g.strip(i) + STRIP / 2));
}

function drawStrips(context, g, curve, chosen, first, last, style) {
  const marks = [
    frame => !chosen || chosen.face[frame] === NONE ? "none"
      : chosen.face[frame] === INTERPOLATED ? "interpolated" : "",
    frame => chosen && chosen.doubt.has(frame) ? "doubt" : ""];
  marks.forEach((mark, i) => {
    context.fillStyle = style("shade");
    context.fillRect(g.left, g.strip(i), g.right - g.left, STRIP);
    for (let from = first; from <= last;) {  // stretches of one kind
      const kind = mark(from);
      let to = from;
      while (to < last && mark(to + 1) === kind) to++;
      if (kind) {
        const left = g.x(curve.times[from]);
        const right = g.x(to + 1 < curve.count ? curve.times[to + 1] : curve.times[to]);
        context.fillStyle = style(kind);
        context.fillRect(left, g.strip(i) + (kind === "interpolated" ? STRIP / 2 : 0), Math.max(1, right - left),
          kind === "interpolated" ? STRIP / 2 : STRIP);
      }
      from = to + 1;
    }
  });
}
