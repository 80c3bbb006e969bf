// What is drawn: the curve, the cursor on it, the marks over the picture, and the curve as a file.
import {colorOf, readColors, style} from "./colors.js";
import {FOUND} from "./curve.js";
import {element, get} from "./elements.js";
import {agreementWords, showFigures, showLegend} from "./legend.js";
import {draw, geometry} from "./plot.js";
import {ENDED, LIVE, chosen, page} from "./state.js";

const plot = get("plot"), video = get("video");

// A canvas' context in CSS pixels, cleared.
function cleared(canvas) {
  const {clientWidth: width, clientHeight: height} = canvas, ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// The seconds there are to show, [from, to].
function whole() {
  const {curve, job, live} = page;
  if (live) return [curve.end - LIVE, curve.end];
  const running = job && !ENDED.includes(job.state);
  return [0, Math.max(curve.end, running && Number.isFinite(video.duration) ? video.duration - curve.step : 0, 0.1)];
}

// The geometry of the plot as it is shown.
export function shown() {
  return geometry(plot.clientWidth, plot.clientHeight, ...(page.span || whole()));
}

const look = () => ({person: page.person, placed: page.placed, over: page.over, episodes: page.episodes, style, color: colorOf,
  threshold: Number(get("threshold").value), relative: page.live !== null});

let planned = false;  // one drawing a frame of the screen is enough
export function redraw() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    draw(cleared(get("curve")), shown(), page.curve, look());
    drawCursor();
    drawMarks();
    showLegend();
    showFigures();
    plot.dataset.frames = page.curve.count;
  });
}

// What stands over the curve: the playhead, the pointer, an episode's onset, and what is being dragged.
export function drawCursor() {
  const {curve, hover, live, marking, onset, time} = page, context = cleared(get("cursor")), g = shown();
  const line = (seconds, color, width) => {
    const x = g.x(seconds);
    if (x < g.left - 1 || x > g.right + 1) return;
    context.fillStyle = color;
    context.fillRect(x - width / 2, g.top, width, g.strip(2) - g.top);
  };
  if (marking) {
    const [from, to] = marking.map(at => g.x(curve.times[at])).sort((a, b) => a - b);
    context.fillStyle = style("episode");
    context.fillRect(from, g.top, to - from, g.bottom - g.top);
  }
  if (onset !== null && onset < curve.count) line(curve.times[onset], style("c6"), 2);
  if (hover !== null && hover < curve.count) line(curve.times[hover], style("none"), 1);
  if (live || !curve.count) return;
  line(time, style("ink"), 1.5);
  drawDot(context, g);
}

// The dot on the curve at the frame that is shown.
function drawDot(context, g) {
  const {curve, frame, person} = page, one = chosen();
  if (!one || frame < 0 || Number.isNaN(one.intensity[frame])) return;
  const x = g.x(curve.times[frame]), values = one.has.smoothed ? one.smoothed : one.intensity;
  if (x < g.left - 1 || x > g.right + 1) return;
  context.beginPath();
  context.arc(x, g.y(values[frame]), 5, 0, 7);
  context.fillStyle = colorOf(person);
  context.strokeStyle = style("paper");
  context.lineWidth = 2;
  context.fill();
  context.stroke();
}

// Give the picture room for a video of this size.
export function setAspect({width, height}) {
  get("stage").style.setProperty("--aspect", width / height);
}

// Boxes and landmarks over the picture.
export function drawMarks() {
  const {curve, frame, person} = page, canvas = get("marks"), context = cleared(canvas), size = page.live || page.job;
  if (frame < 0 || !size || !size.width) return;
  const across = canvas.clientWidth / size.width, down = canvas.clientHeight / size.height;
  for (const one of curve.people.values()) {
    const [x, y, width, height] = one.box.subarray(4 * frame, 4 * frame + 4);
    context.strokeStyle = context.fillStyle = colorOf(one.number);
    context.lineWidth = one.number === person ? 2.5 : 1.5;
    if (!Number.isNaN(x)) {
      context.strokeRect(x * across, y * down, width * across, height * down);
      if (curve.people.size > 1) {
        context.font = "600 14px system-ui, sans-serif";
        context.fillText(String(one.number), x * across + 4, y * down - 5);
      }
    }
    const points = one.landmarks.subarray(10 * frame, 10 * frame + 10);
    for (let k = 0; k < 10 && !Number.isNaN(points[0]); k += 2) {
      context.beginPath();
      context.arc(points[k] * across, points[k + 1] * down, 3, 0, 7);
      if (one.face[frame] === FOUND) context.fill(); else context.stroke();  // hollow where interpolated
    }
  }
}

// Zoom around the playhead by a factor; 1 only brings it into view, 0 shows all.
export function zoom(factor) {
  const [start, end] = whole(), [from, to] = page.span || [start, end];
  const span = factor ? Math.max(20 * page.curve.step, (to - from) / factor) : Infinity;
  if (span >= end - start) page.span = null;
  else {
    const left = Math.min(Math.max(start, page.time - span / 2), end - span);
    page.span = [left, left + span];
  }
  redraw();
}

// The curve as a picture of its own, a canvas, with its title and the notice.
export function drawPicture() {
  const {curve, job, over, person, placed} = page;
  const width = 1200, height = 460, canvas = element("canvas", "", {width: 2 * width, height: 2 * height});
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  context.fillStyle = style("paper");
  context.fillRect(0, 0, width, height);
  context.fillStyle = style("ink");
  context.font = "600 16px system-ui, sans-serif";
  context.fillText(job.name + (curve.people.size > 1 ? `, person ${person}` : ""), 44, 30, width - 60);
  context.fillStyle = style("soft");
  context.font = "12px system-ui, sans-serif";
  const compared = (placed ? " Dotted: labels." : "") + (over ? ` Dashed: ${over.name}.` : "")
    + (placed || over ? " " + agreementWords() : "");
  context.fillText("Pain intensity, 0 to 5, over time (min:s)." + compared, 44, 50, width - 60);
  context.fillText(document.querySelector("#notice details p").textContent.replace(/\s+/g, " ").trim(), 44, height - 12,
    width - 60);
  context.translate(0, 58);
  draw(context, geometry(width, height - 58 - 30, ...(page.span || whole())), curve, look());
  return canvas;
}

readColors();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColors(); redraw(); });
new ResizeObserver(redraw).observe(plot);
new ResizeObserver(drawMarks).observe(get("stage"));
