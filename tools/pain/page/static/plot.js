// The picture of a curve: its scale, its lines and bands, and the strips below it.
import {INTERPOLATED, NONE, TOP} from "./curve.js";
import {clock} from "./words.js";

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

// values(frame) of frames first..last by pixel column: runs without gaps and pauses of {x, low, high, start, end}.
function runs(geometry, curve, first, last, low, high = low) {
  const all = [];
  let run = null, column = null;
  for (let frame = first; frame <= last; frame++) {
    const bottom = low(frame), top = high(frame);
    if (Number.isNaN(bottom) || Number.isNaN(top)) { run = column = null; continue; }
    const x = geometry.x(curve.times[frame]);
    if (frame > first && curve.pauses(frame - 1)) run = column = null;
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
// frame or null), over ({placed} of another curve, or null), episodes [{first, last}], style(name) and color(number) -> colour, relative (ticks from the end)}.
export function draw(context, g, curve, look) {
  context.font = "12px system-ui, sans-serif";
  context.lineJoin = context.lineCap = "round";
  drawScale(context, g, look);
  context.save();
  context.beginPath();
  context.rect(g.left, 0, g.right - g.left, g.height - AXIS);
  context.clip();
  drawEpisodes(context, g, curve, look);
  const first = curve.frameAt(g.from), last = Math.min(curve.count - 1, curve.frameAt(g.to) + 1);
  if (curve.count) drawLines(context, g, curve, look, first, last);
  if (look.threshold !== null) drawThreshold(context, g, look);
  if (curve.count) drawStrips(context, g, curve, look, first, last);
  context.restore();
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = look.style("soft");
  context.font = "11px system-ui, sans-serif";
  STRIPS.forEach((name, i) => context.fillText(name, g.left - 7, g.strip(i) + STRIP / 2));
}

// Lines at the intensities, and ticks at times.
function drawScale(context, g, {style, relative}) {
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
  const zero = relative ? g.to : 0;
  for (let k = Math.ceil((g.from - zero) / fits - 1e-9); k * fits + zero <= g.to + 1e-9; k++) {
    const x = g.x(k * fits + zero);
    context.fillText((k < 0 ? "\u2212" : "") + clock(Math.abs(k * fits), fits < 1 ? 1 : 0), Math.min(x, g.right - 8),
      g.height - 4);
    context.fillRect(Math.round(x), g.strip(STRIPS.length) - 1, 1, 4);
  }
}

function drawEpisodes(context, g, curve, {style, episodes}) {
  context.fillStyle = style("episode");
  for (const {first, last} of episodes || []) {
    const from = g.x(curve.times[first]), to = g.x(curve.times[last]);
    context.fillRect(from, g.top, Math.max(1, to - from), g.bottom - g.top);
  }
}

// The band of the chosen person, the labels, and everyone's line, the chosen one's on top.
function drawLines(context, g, curve, {person, placed, over, style, color}, first, last) {
  const chosen = curve.people.get(person), band = chosen && bandOf(chosen);
  const stroke = values => strokeRuns(context, g, runs(g, curve, first, last, frame => values[frame]));
  if (band) {
    context.fillStyle = color(chosen.number);
    context.globalAlpha = 0.2;
    fillRuns(context, g, runs(g, curve, first, last, ...band));
    context.globalAlpha = 1;
  }
  if (placed) {
    context.strokeStyle = style("truth");
    context.lineWidth = 1.4;
    context.setLineDash([2, 3]);
    stroke(placed);
    context.setLineDash([]);
  }
  if (over) {
    context.strokeStyle = style("over");
    context.lineWidth = 1.6;
    context.setLineDash([7, 3]);
    stroke(over.placed);
    context.setLineDash([]);
  }
  for (const one of [...curve.people.values()].filter(other => other !== chosen).concat(chosen || [])) {
    context.strokeStyle = color(one.number);
    if (one.has.smoothed) {  // the filtered intensity leads, and what was measured stands behind
      context.globalAlpha = 0.45;
      context.lineWidth = 1;
      stroke(one.intensity);
      context.globalAlpha = 1;
    }
    context.lineWidth = one === chosen ? 2 : 1;
    stroke(one.has.smoothed ? one.smoothed : one.intensity);
  }
}

function drawThreshold(context, g, {style, threshold}) {
  context.strokeStyle = style("soft");
  context.lineWidth = 1;
  context.setLineDash([6, 4]);
  context.beginPath();
  context.moveTo(g.left, g.y(threshold));
  context.lineTo(g.right, g.y(threshold));
  context.stroke();
  context.setLineDash([]);
}

// Where the chosen person has no face, or one that is interpolated or in doubt.
function drawStrips(context, g, curve, {person, style}, first, last) {
  const chosen = curve.people.get(person);
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
      while (to < last && mark(to + 1) === kind && !curve.pauses(to)) to++;
      if (kind) {
        const left = g.x(curve.times[from]);
        const right = g.x(to + 1 < curve.count ? curve.times[to] + curve.lasts(to) : curve.times[to]);
        context.fillStyle = style(kind);
        context.fillRect(left, g.strip(i) + (kind === "interpolated" ? STRIP / 2 : 0), Math.max(1, right - left),
          kind === "interpolated" ? STRIP / 2 : STRIP);
      }
      from = to + 1;
    }
  });
}
