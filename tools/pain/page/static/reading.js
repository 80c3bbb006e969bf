// The moment that is shown: its frame's reading in numbers and in words, and going to another.
import {FOUND, INTERPOLATED, NONE} from "./curve.js";
import {drawCursor, drawMarks, redraw, zoom} from "./drawing.js";
import {ask, fail, get, say} from "./elements.js";
import {placeLabels} from "./labels.js";
import {agreementWords} from "./legend.js";
import {placeOver} from "./over.js";
import {chosen, page} from "./state.js";
import {clock, number} from "./words.js";

const FACE_WORDS = {[FOUND]: "found", [INTERPOLATED]: "interpolated from frames around", [NONE]: "none"};
const plot = get("plot"), video = get("video");

// Show this moment, in seconds: the frame there, if it has been estimated.
export function show(moment) {
  const {curve, over, placed} = page;
  page.time = moment;
  const frame = page.frame = curve.count && moment < curve.end + 1.5 * curve.step ? curve.frameAt(moment) : -1;
  const one = chosen(), known = frame >= 0 && one && frame < curve.room;
  const intensity = known ? one.intensity[frame] : NaN, spread = known ? one.spread[frame] : NaN;
  get("read-intensity").textContent = number(intensity);
  get("read-spread").textContent = Number.isNaN(spread) ? "\u2013" : "\u00b1 " + number(spread);
  get("read-time").textContent = clock(frame >= 0 ? curve.times[frame] : moment, 2);
  get("read-frame").textContent = frame >= 0 ? frame : "\u2013";
  get("read-face").textContent = frame < 0 ? "not estimated yet" : FACE_WORDS[known ? one.face[frame] : NONE];
  get("read-doubt").textContent = (known && one.doubt.get(frame)) || "\u2013";
  get("read-turned-box").hidden = !curve.turned.size;
  get("read-turned").textContent = curve.turned.has(frame) ? curve.turned.get(frame) + "\u00b0, righted" : "\u2013";
  get("read-label-box").hidden = !placed;
  if (placed) get("read-label").textContent = frame >= 0 && frame < placed.length ? number(placed[frame], 1) : "\u2013";
  get("read-over-box").hidden = !over;
  if (over) get("read-over").textContent = frame >= 0 && frame < over.placed.length ? number(over.placed[frame]) : "\u2013";
  tellPosition();
  drawMarks();
  drawCursor();
}

// What a screen reader says of the curve's position; while the video plays, every other second.
let told = 0;
function tellPosition() {
  const {curve, frame} = page;
  if (!video.paused && performance.now() - told < 2000) return;
  told = performance.now();
  plot.setAttribute("aria-valuemax", String(Math.max(0, curve.count - 1)));
  plot.setAttribute("aria-valuenow", String(Math.max(0, frame)));
  plot.setAttribute("aria-valuetext", frame < 0 ? "not estimated yet" : inWords(frame));
}

// A frame's reading in words.
export function inWords(at) {
  const {curve, over, placed} = page, one = chosen(), parts = [`${clock(curve.times[at], 2)}, frame ${at}`];
  if (!one || one.face[at] === NONE) parts.push("no face");
  else {
    const value = one.intensity[at], spread = one.spread[at];
    parts.push(Number.isNaN(value) ? "no intensity" : "intensity " + number(value));
    if (!Number.isNaN(spread)) parts.push("spread " + number(spread));
    parts.push("face " + FACE_WORDS[one.face[at]]);
  }
  if (curve.turned.has(at)) parts.push(`turned by ${curve.turned.get(at)} degrees, and righted`);
  if (one && one.doubt.has(at)) parts.push("doubt: " + one.doubt.get(at));
  if (placed && !Number.isNaN(placed[at])) parts.push("label " + number(placed[at], 1));
  if (over && !Number.isNaN(over.placed[at])) parts.push(`${over.name} ${number(over.placed[at])}`);
  return parts.join(", ");
}

// Take video and curve to a frame.
export function seek(to) {
  const {curve, span} = page;
  if (!curve.count) return;
  const at = Math.max(0, Math.min(curve.count - 1, to));
  if (video.src && !video.error) video.currentTime = curve.within(at);
  show(curve.times[at]);
  if (span && (page.time < span[0] || page.time > span[1])) zoom(1);
}

// Show what has been added to the curve.
export function showNewRows() {
  const {curve, labels} = page;
  if (labels) page.placed = placeLabels(labels, curve);
  placeOver();
  const people = [...curve.people.keys()].sort((a, b) => a - b);
  if (people.length && !curve.people.has(page.person)) page.person = people[0];
  if (get("person").length !== people.length) {
    get("person").replaceChildren(...people.map(one => new Option("Person " + one, one, false, one === page.person)));
    get("people").hidden = people.length < 2;
  }
  show(page.time);
  redraw();
}

let before = Promise.resolve();

// Put the labels in a file of people's beside the curve. The server reads and keeps it; throws what it says. Of several
// the last one stays: each waits for the answer to the one before.
export function useLabels(file) {
  const {curve, job} = page, answered = before.then(() => putLabels(file, curve, job.id));
  before = answered.catch(() => {});
  return answered;
}

async function putLabels(file, curve, id) {
  const labels = await ask(`/api/jobs/${id}/labels?name=${encodeURIComponent(file.name)}`, {method: "PUT", body: file});
  if (page.curve !== curve) return;
  placeBeside(labels.raters);
  fail(labels.note);
  if (curve.count) say(agreementWords());
}

// Show labels, those of each rater as the server has read them, or null, beside the curve.
export function placeBeside(raters) {
  page.labels = raters;
  page.placed = raters && placeLabels(raters, page.curve);
  show(page.time);
  redraw();
}
