// Mouse, finger and keys on the curve, and the buttons below it.
import {drawCursor, redraw, shown, zoom} from "./drawing.js";
import {get, guarded, say} from "./elements.js";
import {addEpisode, markOffset, markOnset} from "./episodes.js";
import {placeOver} from "./over.js";
import {inWords, seek, show} from "./reading.js";
import {page} from "./state.js";

const plot = get("plot"), video = get("video");

plot.addEventListener("pointermove", event => {
  const {curve, live, marking} = page;
  if (live || !curve.count) return;
  const g = shown(), x = event.clientX - plot.getBoundingClientRect().left;
  const at = page.hover = curve.nearest(g.time(Math.max(g.left, Math.min(g.right, x))));
  showTip(x, inWords(at));
  if (plot.hasPointerCapture(event.pointerId)) {
    if (marking) marking[1] = at; else seek(at);
  }
  say(inWords(at));
  drawCursor();
});

// The words beside the pointer at x, or on its other side where there is no room.
function showTip(x, words) {
  const tip = get("tip");
  tip.textContent = words.replace(/, /g, "\n");
  tip.hidden = false;
  tip.style.left = Math.max(0, Math.min(x + 14, plot.clientWidth - tip.offsetWidth)) + "px";
  if (x + 14 + tip.offsetWidth > plot.clientWidth) tip.style.left = Math.max(0, x - 14 - tip.offsetWidth) + "px";
}

plot.addEventListener("pointerleave", () => {
  page.hover = null;
  get("tip").hidden = true;
  drawCursor();
});
plot.addEventListener("pointerdown", event => {
  const {curve, live} = page;
  if (event.button || live || !curve.count) return;
  const at = curve.nearest(shown().time(event.clientX - plot.getBoundingClientRect().left));
  plot.setPointerCapture(event.pointerId);
  if (event.shiftKey) page.marking = [at, at]; else seek(at);
});
plot.addEventListener("pointerup", () => {
  if (!page.marking) return;
  const [from, to] = page.marking;
  page.marking = null;
  if (from !== to) addEpisode(from, to);
});
plot.addEventListener("pointercancel", () => { page.marking = null; });

const frames = count => seek(page.frame + count);
const seconds = count => seek(page.curve.nearest(page.curve.times[Math.max(0, page.frame)] + count));
const KEYS = {
  ArrowLeft: () => frames(-1), ArrowRight: () => frames(1), ",": () => frames(-1), ".": () => frames(1),
  ArrowUp: () => seconds(1), ArrowDown: () => seconds(-1),
  PageUp: () => seconds(10), PageDown: () => seconds(-10),
  Home: () => seek(0), End: () => seek(page.curve.count - 1),
  " ": () => video.paused ? guarded(() => video.play())() : video.pause(), "[": markOnset, "]": markOffset,
  "+": () => zoom(2), "=": () => zoom(2), "-": () => zoom(0.5), "0": () => zoom(0)};
const OF_THE_PLAYER = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", " "];  // its own keys

function press(event) {
  const {altKey, ctrlKey, currentTarget, key, metaKey} = event;
  if (page.live || altKey || ctrlKey || metaKey || !KEYS[key]) return;
  if (currentTarget === video && OF_THE_PLAYER.includes(key)) return;
  event.preventDefault();
  if ([",", "."].includes(key)) video.pause();
  KEYS[key]();
}
plot.addEventListener("keydown", press);
video.addEventListener("keydown", press);

get("zoom-in").addEventListener("click", () => zoom(2));
get("zoom-out").addEventListener("click", () => zoom(0.5));
get("zoom-all").addEventListener("click", () => zoom(0));
get("threshold").addEventListener("input", redraw);
get("person").addEventListener("change", event => {
  page.person = Number(event.target.value);
  placeOver();
  show(page.time);
  redraw();
});
