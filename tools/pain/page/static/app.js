// The page: a video sent to this server and its curve as it comes back, the two in step; or the camera's, live.
import {Curve, FOUND, INTERPOLATED, NONE, agreement, apexOf, clock, countAbove, draw, geometry, named, parseLabels,
  placeLabels} from "./curve.js";

const get = id => document.getElementById(id);
const video = get("video"), picture = get("picture"), plot = get("plot");
const FACES = {[FOUND]: "found", [INTERPOLATED]: "interpolated from frames around", [NONE]: "none"};
const ENDED = ["done", "failed", "cancelled"];
const LIVE = 60;  // seconds of the camera's curve
let about = {most_bytes: Infinity, keep_minutes: 60, sample: false};
let job = null;  // what the server says of the video
let upload = null;  // the request that brings it there
let followed = null;  // a new object for each video whose rows are asked for
let curve = new Curve();
let person = 1, frame = -1, time = 0, hover = null;
let view = null;  // the seconds shown, [from, to], or null for all
let labels = null, placed = null;  // as loaded, and by frame
let episodes = [];  // {name, person, first, last}
let onset = null, marking = null;  // the frame of [; the two frames between which is being dragged
let live = null;  // {stream, socket, rows, began}

// Small things.

const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));
const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const number = (value, digits = 2) => Number.isNaN(value) ? "\u2013" : value.toFixed(digits);
const stem = () => (job ? job.name : "video").replace(/\.[^.]*$/, "");
const chosen = () => curve.people.get(person);

function element(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), {textContent: text}, properties);
}

function fail(text) {
  get("error").firstElementChild.textContent = text;
  get("error").hidden = !text;
}

// Say something to those who listen to the page; not more than one thing a second, the last one wins.
let saying = 0;
function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => { get("said").textContent = text; }, 1000);
}

function save(blob, name) {
  const link = element("a", "", {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Ask the server; its answer, or an Error with its line.
async function ask(path, options) {
  const response = await fetch(path, options).catch(() => {
    throw new Error("The server does not answer; see whether it still runs in its terminal.");
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || `The server answers ${response.status} to ${path}.`);
  return answer;
}

// Do something asynchronous; an error becomes the page's line.
const guarded = action => async (...values) => {
  try {
    await action(...values);
  } catch (error) {
    fail(error.message);
  }
};

// A video's way: sent, waiting, estimated, read.

function send(file) {
  if (upload) return;
  fail("");
  if (file.size > about.most_bytes) {
    fail(`${file.name}: ${size(file.size)}, and at most ${size(about.most_bytes)} are taken here; cut it, or begin the `
      + "page with a higher limit (--max-mb).");
    return;
  }
  upload = new XMLHttpRequest();  // fetch() cannot say how much has gone
  upload.open("PUT", "/api/jobs?name=" + encodeURIComponent(file.name));
  upload.responseType = "json";
  begin({name: file.name, state: "sending", done: 0, total: null});
  upload.upload.onprogress = event => {
    get("progress").value = event.loaded / Math.max(1, file.size);
    get("status").textContent = event.loaded < file.size ? `sending, ${size(event.loaded)} of ${size(file.size)}`
      : "looking into it";
  };
  let aborted = false;
  upload.onabort = () => { aborted = true; };
  upload.onloadend = guarded(async () => {
    const {status, response} = upload;
    upload = null;
    if (status === 201) return follow(response);
    leave();
    if (aborted) return;
    throw new Error((response && response.error) || (status ? `The server answers ${status}.`
      : "The video could not be sent; see whether the server still runs in its terminal."));
  });
  upload.send(file);
}

function size(bytes) {
  return bytes < 1e6 ? Math.ceil(bytes / 1e3) + " kB" : bytes < 1e9 ? (bytes / 1e6).toFixed(1) + " MB"
    : (bytes / 1e9).toFixed(2) + " GB";
}

// Show the page of a job that is not here yet.
function begin(state) {
  job = state;
  followed = null;
  curve = new Curve();
  [person, frame, time, hover, view, labels, placed, episodes, onset] = [1, -1, 0, null, null, null, null, [], null];
  showMode("video");
  showState();
}

// Back to where a video is asked for.
function leave() {
  job = followed = null;
  history.replaceState(null, "", location.pathname);
  video.removeAttribute("src");
  video.load();
  showMode("video");
}

// A job's curve until it ends.
async function follow(state) {
  begin(state);
  const id = job.id, mine = followed = {};
  history.replaceState(null, "", "#" + id);
  get("unplayable").hidden = true;
  video.hidden = false;
  setAspect(job);
  video.src = `/api/jobs/${id}/video`;
  get("save-csv").href = `/api/jobs/${id}/curve.csv`;
  get("save-csv").download = stem() + ".curve.csv";
  episodes = JSON.parse(sessionStorage.getItem("episodes " + id) || "[]");
  if (job.labels) fetch(`/api/jobs/${id}/labels.csv`).then(async answer => {
    const text = await answer.text();
    if (followed === mine) useLabels(text, "labels.csv");
  });
  showEpisodes();
  redraw();
  for (let next = 0, told = 0; ;) {
    const answer = await ask(`/api/jobs/${id}/rows?from=${next}`);
    if (followed !== mine) return;
    const more = answer.next !== next;
    next = answer.next;
    named(answer).forEach(row => curve.add(row));
    job = answer.job;
    if (more) newRows();
    showState();
    const part = job.total ? Math.floor(4 * job.done / job.total) : 0;
    if (part > told && job.state === "running") say(get("status").textContent);
    told = Math.max(told, part);
    if (ENDED.includes(job.state) && !more) break;
    if (!more) await sleep(400);
    if (followed !== mine) return;
  }
  if (job.error || job.damage) fail(job.error || job.damage + ".");
  showEpisodes();
  say(`${job.name}: ${get("status").textContent}`);
}

function newRows() {
  if (labels) placed = placeLabels(labels, curve);
  const people = [...curve.people.keys()].sort((a, b) => a - b);
  if (people.length && !curve.people.has(person)) person = people[0];
  if (get("person").length !== people.length) {
    get("person").replaceChildren(...people.map(one => new Option("Person " + one, one, false, one === person)));
    get("people").hidden = people.length < 2;
  }
  show(time);
  redraw();
}

function showState() {
  const {state, before, done, total, rate, eta} = job, of = total ? ` of ${total.toLocaleString("en")}` : "";
  get("name").textContent = job.name;
  get("status").textContent = {
    sending: "sending",
    waiting: before ? `waiting, ${plural(before, "video")} before this one` : "waiting",
    running: `${done.toLocaleString("en")}${of} frames` + (rate ? `, ${rate.toFixed(rate < 10 ? 1 : 0)} a second` : "")
      + (eta === null || eta === undefined ? "" : `, about ${clock(eta)} left`),
    done: plural(done, "frame"),
    failed: `failed after ${plural(done, "frame")}`,
    cancelled: "cancelled"}[state];
  const bar = get("progress");
  bar.hidden = ENDED.includes(state);
  if (state === "running" && total) bar.value = done / total;
  else if (state !== "sending") bar.removeAttribute("value");
  else bar.value = 0;
  get("cancel").hidden = state === "cancelled";
  get("cancel").textContent = ENDED.includes(state) ? "Remove" : "Cancel";
  get("another").hidden = !ENDED.includes(state);
  get("view").hidden = !live && ["sending", "cancelled"].includes(state);
}

const cancel = guarded(async () => {
  if (upload) return upload.abort();
  const {id, state} = job;
  sessionStorage.removeItem("episodes " + id);
  await ask("/api/jobs/" + id, {method: "DELETE"});
  leave();
  say(ENDED.includes(state) ? "removed" : "cancelled");
  get("choose").focus();
});

// What is shown: which mode, which moment.

function showMode(mode) {
  const camera = mode === "camera";
  if (camera) followed = null; else stopCamera();
  get("mode-video").setAttribute("aria-pressed", String(!camera));
  get("mode-camera").setAttribute("aria-pressed", String(camera));
  get("start").hidden = camera || job !== null;
  get("job").hidden = camera || job === null;
  get("camera").hidden = !camera;
  get("view").hidden = camera || job === null;
  video.hidden = camera;
  picture.hidden = !camera;
  get("stage").classList.toggle("mirrored", camera);
  for (const id of ["tools", "episodes", "help", "agreement", "above"]) get(id).hidden = camera;
  if (camera) video.pause();
}

function setAspect({width, height}) {
  get("stage").style.setProperty("--aspect", width / height);
}

// Show this moment, in seconds: the frame there, if it has been estimated.
function show(moment) {
  time = moment;
  const step = curve.count > 1 ? curve.end / (curve.count - 1) : 1;
  frame = curve.count && time < curve.end + 1.5 * step ? curve.frameAt(time) : -1;
  const one = chosen(), known = frame >= 0 && one && frame < curve.room;
  const intensity = known ? one.intensity[frame] : NaN, spread = known ? one.spread[frame] : NaN;
  get("read-intensity").textContent = number(intensity);
  get("read-spread").textContent = Number.isNaN(spread) ? "\u2013" : "\u00b1 " + number(spread);
  get("read-time").textContent = frame >= 0 ? clock(curve.times[frame], 2) : clock(time, 2);
  get("read-frame").textContent = frame >= 0 ? frame : "\u2013";
  get("read-face").textContent = frame < 0 ? "not estimated yet" : FACES[known ? one.face[frame] : NONE];
  get("read-doubt").textContent = (known && one.doubt.get(frame)) || "\u2013";
  get("read-label-box").hidden = !placed;
  if (placed) get("read-label").textContent = frame >= 0 && frame < placed.length ? number(placed[frame], 1) : "\u2013";
  tellPosition();
  drawMarks();
  drawCursor();
}

// What a screen reader says of the curve's position; while the video plays, every other second.
let told = 0;
function tellPosition() {
  if (!video.paused && performance.now() - told < 2000) return;
  told = performance.now();
  plot.setAttribute("aria-valuemax", String(Math.max(0, curve.count - 1)));
  plot.setAttribute("aria-valuenow", String(Math.max(0, frame)));
  plot.setAttribute("aria-valuetext", frame < 0 ? "not estimated yet" : words(frame));
}

// A frame's reading in words.
function words(at) {
  const one = chosen(), parts = [`${clock(curve.times[at], 2)}, frame ${at}`];
  if (!one || one.face[at] === NONE) parts.push("no face");
  else {
    const value = one.intensity[at], spread = one.spread[at];
    parts.push(Number.isNaN(value) ? "no intensity" : "intensity " + number(value));
    if (!Number.isNaN(spread)) parts.push("spread " + number(spread));
    parts.push("face " + FACES[one.face[at]]);
  }
  if (one && one.doubt.has(at)) parts.push("doubt: " + one.doubt.get(at));
  if (placed && !Number.isNaN(placed[at])) parts.push("label " + number(placed[at], 1));
  return parts.join(", ");
}

// Take video and curve to a frame.
function seek(to) {
  if (!curve.count) return;
  const at = Math.max(0, Math.min(curve.count - 1, to));
  if (video.src && !video.error) video.currentTime = curve.within(at);
  show(curve.times[at]);
  if (view && (time < view[0] || time > view[1])) zoom(1);
}

function step() {
  return curve.count > 1 ? curve.end / (curve.count - 1) : 1;
}

const presented = (_, data) => {
  if (!video.seeking) show(data.mediaTime);
  video.requestVideoFrameCallback(presented);
};
if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(presented);
else video.addEventListener("timeupdate", () => { if (!video.seeking) show(video.currentTime); });
video.addEventListener("seeked", () => show(Math.max(0, video.currentTime)));
video.addEventListener("loadedmetadata", () => {
  if (video.videoWidth) setAspect({width: video.videoWidth, height: video.videoHeight});
});
video.addEventListener("error", () => {
  if (!video.getAttribute("src")) return;
  video.hidden = true;
  get("unplayable").hidden = false;
  guarded(ask)("/api/jobs/" + job.id);  // says so if it has been removed
});

// Drawing.

let colors = {};
function readColors() {
  const all = getComputedStyle(document.documentElement);
  colors = Object.fromEntries(["line", "soft", "ink", "paper", "shade", "none", "interpolated", "doubt", "truth",
    "episode", "c0", "c1", "c2", "c3", "c4", "c5", "c6"].map(name => [name, all.getPropertyValue("--" + name).trim()]));
}
const style = name => colors[name];
const colorOf = one => colors["c" + (one - 1) % 7];

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

function whole() {
  if (live) return [curve.end - LIVE, curve.end];
  const running = job && !ENDED.includes(job.state);
  return [0, Math.max(curve.end, running && Number.isFinite(video.duration) ? video.duration - step() : 0, 0.1)];
}

function shown() {
  return geometry(plot.clientWidth, plot.clientHeight, ...(view || whole()));
}

const look = () => ({person, placed, episodes, style, color: colorOf, threshold: Number(get("threshold").value),
  relative: live !== null});

let planned = false;  // one drawing a frame of the screen is enough
function redraw() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    draw(cleared(get("curve")), shown(), curve, look());
    drawCursor();
    drawMarks();
    showLegend();
    showFigures();
    plot.dataset.frames = curve.count;
  });
}

function drawCursor() {
  const context = cleared(get("cursor")), g = shown();
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
  const one = chosen();
  if (one && frame >= 0 && !Number.isNaN(one.intensity[frame])) {
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
}

// Boxes and landmarks over the picture.
function drawMarks() {
  const canvas = get("marks"), context = cleared(canvas), size = live || job;
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

function showLegend() {
  const one = chosen(), entries = [];
  for (const number of [...curve.people.keys()].sort((a, b) => a - b)) {
    entries.push([colorOf(number), curve.people.size > 1 ? "person " + number : "intensity", ""]);
  }
  if (one && one.has.smoothed) entries.push([colorOf(person), "smoothed, before it as measured", ""]);
  if (one && one.has.low) entries.push([colorOf(person), "90 % of what observers say", "area"]);
  else if (one && one.has.spread) entries.push([colorOf(person), "spread of the nets", "area"]);
  if (placed) entries.push([style("truth"), "labels (dotted)", ""]);
  const faces = one ? one.face.subarray(0, curve.count) : [];
  if (faces.includes(NONE)) entries.push([style("none"), "no face", "area"]);
  if (faces.includes(INTERPOLATED)) entries.push([style("interpolated"), "face interpolated", ""]);
  if (one && one.doubt.size) entries.push([style("doubt"), "in doubt", "area"]);
  const same = JSON.stringify(entries);
  if (get("legend").dataset.shown === same) return;
  get("legend").dataset.shown = same;
  get("legend").replaceChildren(...entries.map(([color, text, kind]) => {
    const item = element("li", ""), mark = element("i", "", {className: kind});
    mark.style.background = color;
    mark.style.opacity = kind === "area" && color === colorOf(person) ? 0.35 : 1;
    item.append(mark, text);
    return item;
  }));
}

// The figures that hold for the whole curve.
function showFigures() {
  const threshold = Number(get("threshold").value), [all, above] = countAbove(curve, chosen(), threshold);
  get("threshold-value").textContent = threshold.toFixed(1);
  get("above").textContent = all ? `${(above * step()).toFixed(1)} s at or above it, in ${plural(above, "frame")}: `
    + `${(100 * above / all).toFixed(0)} % of those with an intensity` : "";
  get("agreement").hidden = !placed || live !== null;
  if (placed) get("agreement").textContent = agreementWords();
}

function agreementWords() {
  const one = chosen(), {frames, mae, pcc} = one ? agreement(one, placed) : {frames: 0};
  const text = value => Number.isNaN(value) ? "undefined" : value.toFixed(3);
  return frames ? `Against the labels, over ${plural(frames, "frame")} with both: MAE ${text(mae)}, PCC ${text(pcc)}.`
    : "No frame has both a label and an intensity.";
}

// Zoom around the playhead by a factor; 1 only brings it into view, 0 shows all.
function zoom(factor) {
  const [start, end] = whole(), [from, to] = view || [start, end];
  const span = factor ? Math.max(20 * step(), (to - from) / factor) : Infinity;
  if (span >= end - start) view = null;
  else {
    const left = Math.min(Math.max(start, time - span / 2), end - span);
    view = [left, left + span];
  }
  redraw();
}

function drawPicture() {
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
  const compared = placed ? " Dotted: labels. " + agreementWords() : "";
  context.fillText("Pain intensity, 0 to 5, over time (min:s)." + compared, 44, 50, width - 60);
  context.fillText(document.querySelector("#notice details p").textContent.replace(/\s+/g, " ").trim(), 44, height - 12,
    width - 60);
  context.translate(0, 58);
  draw(context, geometry(width, height - 58 - 30, ...(view || whole())), curve, look());
  return canvas;
}

// Episodes.

function addEpisode(from, to) {
  const [first, last] = [from, to].sort((a, b) => a - b);
  if (first === last) return fail("An episode has more than one frame; its offset comes after its onset.");
  const numbers = episodes.map(one => Number((one.name.match(/^Episode (\d+)$/) || [0, 0])[1]));
  episodes.push({name: "Episode " + (1 + Math.max(0, ...numbers)), person, first, last});
  episodes.sort((a, b) => a.first - b.first);
  onset = null;
  fail("");
  showEpisodes();
  redraw();
  say(`episode from ${clock(curve.times[first], 1)} to ${clock(curve.times[last], 1)}`);
}

function keepEpisodes() {  // for when the page is loaded again
  if (job && job.id) sessionStorage.setItem("episodes " + job.id, JSON.stringify(episodes));
}

function showEpisodes() {
  keepEpisodes();
  get("no-episodes").hidden = episodes.length > 0;
  document.querySelector("#episodes table").hidden = get("save-episodes").hidden = !episodes.length;
  get("episode-rows").replaceChildren(...episodes.map(episodeRow));
}

function episodeRow(episode) {
  const row = element("tr", ""), one = curve.people.get(episode.person);
  const apex = apexOf(one, episode.first, episode.last);
  const name = element("input", "", {type: "text", value: episode.name, maxLength: 80});
  const places = [["Onset", episode.first], ["Apex", apex], ["Offset", episode.last]].map(([word, at]) => {
    if (at < 0) return "\u2013";
    const button = element("button", clock(curve.times[at], 2), {type: "button"});
    button.dataset.of = `${word}, ${clock(curve.times[at], 2)}, go there: `;
    button.addEventListener("click", () => seek(at));
    return button;
  });
  const gone = element("button", "Delete", {type: "button"});
  gone.dataset.of = "Delete ";
  gone.addEventListener("click", () => {
    episodes.splice(episodes.indexOf(episode), 1);
    showEpisodes();
    redraw();
    plot.focus();
  });
  const called = () => {
    name.ariaLabel = "Name of " + episode.name;
    row.querySelectorAll("button").forEach(button => { button.ariaLabel = button.dataset.of + episode.name; });
  };
  name.addEventListener("change", () => {
    episode.name = name.value;
    called();
    keepEpisodes();
  });
  row.append(...[name, ...places, apex < 0 ? "\u2013" : number(one.intensity[apex]), gone].map(content => {
    const cell = element("td", "");
    cell.append(content);
    return cell;
  }));
  called();
  return row;
}

function episodesCsv() {
  const quoted = text => /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  const lines = ["name,person,onset_frame,onset_s,apex_frame,apex_s,offset_frame,offset_s,peak"];
  for (const {name, person: whose, first, last} of episodes) {
    const one = curve.people.get(whose), apex = apexOf(one, first, last);
    const place = at => at < 0 ? "," : `${at},${curve.times[at].toFixed(6)}`;
    lines.push([quoted(name), whose, place(first), place(apex), place(last),
      apex < 0 ? "" : one.intensity[apex].toFixed(4)].join(","));
  }
  return lines.join("\n") + "\n";
}

// Labels.

function useLabels(text, name) {
  try {
    labels = parseLabels(text);
  } catch (error) {
    throw new Error(`${name}: ${error.message}.`);
  }
  fail("");
  placed = placeLabels(labels, curve);
  show(time);
  redraw();
  if (curve.count) say(agreementWords());
}

// The camera.

async function startCamera() {
  fail("");
  if (!navigator.mediaDevices) throw new Error("A browser gives its camera only to pages of 127.0.0.1 or by https.");
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: {ideal: 640}, height: {ideal: 480}}})
    .catch(error => { throw new Error(`The browser gives no camera (${error.message}); allow it, or plug one in.`); });
  const mine = live = {stream, socket: null, rows: [], width: 0, height: 0};
  curve = new Curve();
  [person, frame, time, hover, view, onset, placed] = [1, -1, 0, null, null, null, null];
  picture.srcObject = stream;
  await picture.play();
  if (live !== mine) return;
  const socket = live.socket = new WebSocket(new URL("/api/live", location.href.replace(/^http/, "ws")));
  get("camera-start").hidden = true;
  get("camera-stop").hidden = get("view").hidden = false;
  setAspect({width: picture.videoWidth, height: picture.videoHeight});
  const small = element("canvas", ""), scale = Math.min(1, 640 / Math.max(picture.videoWidth, picture.videoHeight));
  small.width = picture.videoWidth * scale;
  small.height = picture.videoHeight * scale;
  const sendPicture = () => {  // the next one goes when the answer to this one is here
    if (live !== mine || socket.readyState !== WebSocket.OPEN) return;
    small.getContext("2d").drawImage(picture, 0, 0, small.width, small.height);
    small.toBlob(blob => { if (live === mine) socket.send(blob); }, "image/jpeg", 0.9);
  };
  socket.addEventListener("open", sendPicture);
  socket.addEventListener("message", event => {
    if (live !== mine) return;
    const answer = JSON.parse(event.data);
    if (answer.error) fail(answer.error); else liveRows(answer);
    requestAnimationFrame(sendPicture);
  });
  socket.addEventListener("close", () => {
    if (live !== mine) return;
    stopCamera();
    fail("The server has ended the camera's connection; see its terminal, and start the camera again.");
  });
  stream.getVideoTracks()[0].addEventListener("ended", () => { if (live === mine) stopCamera(); });
  get("camera-stop").focus();
  show(0);
  redraw();
}

function liveRows(answer) {
  Object.assign(live, {width: answer.width, height: answer.height});
  live.rows = live.rows.filter(([when]) => when > answer.time - LIVE);
  live.rows.push([answer.time, named(answer)]);
  curve = new Curve();  // of the last minute only, so that it does not grow
  live.rows.forEach(([, rows], i) => rows.forEach(row => curve.add(row, i)));
  newRows();
  show(answer.time);
  redraw();
}

function stopCamera() {
  if (live) {
    const {stream, socket} = live;
    live = null;
    if (socket) socket.close();
    stream.getTracks().forEach(track => track.stop());
    picture.srcObject = null;
  }
  get("camera-start").hidden = false;
  get("camera-stop").hidden = true;
}

// The controls.

plot.addEventListener("pointermove", event => {
  if (live || !curve.count) return;
  const g = shown(), box = plot.getBoundingClientRect(), x = event.clientX - box.left;
  hover = curve.nearest(g.time(Math.max(g.left, Math.min(g.right, x))));
  const tip = get("tip");
  tip.textContent = words(hover).replace(/, /g, "\n");
  tip.hidden = false;
  tip.style.left = Math.max(0, Math.min(x + 14, plot.clientWidth - tip.offsetWidth)) + "px";
  if (x + 14 + tip.offsetWidth > plot.clientWidth) tip.style.left = Math.max(0, x - 14 - tip.offsetWidth) + "px";
  if (plot.hasPointerCapture(event.pointerId)) {
    if (marking) marking[1] = hover; else seek(hover);
  }
  say(words(hover));
  drawCursor();
});
plot.addEventListener("pointerleave", () => {
  hover = null;
  get("tip").hidden = true;
  drawCursor();
});
plot.addEventListener("pointerdown", event => {
  if (event.button || live || !curve.count) return;
  const at = curve.nearest(shown().time(event.clientX - plot.getBoundingClientRect().left));
  plot.setPointerCapture(event.pointerId);
  if (event.shiftKey) marking = [at, at]; else seek(at);
});
plot.addEventListener("pointerup", () => {
  if (!marking) return;
  const [from, to] = marking;
  marking = null;
  if (from !== to) addEpisode(from, to);
});
plot.addEventListener("pointercancel", () => { marking = null; });

const markOnset = () => {
  if (frame < 0) return;
  onset = frame;
  drawCursor();
  say(`onset at ${clock(curve.times[frame], 1)}`);
};
const markOffset = () => {
  if (onset === null) fail("Set the onset first: go where the episode begins and press [.");
  else if (frame >= 0) addEpisode(onset, frame);
};
const second = count => seek(curve.nearest(curve.times[Math.max(0, frame)] + count));
const KEYS = {
  ArrowLeft: () => seek(frame - 1), ArrowRight: () => seek(frame + 1),
  ArrowUp: () => second(1), ArrowDown: () => second(-1),
  PageUp: () => second(10), PageDown: () => second(-10), Home: () => seek(0), End: () => seek(curve.count - 1),
  " ": () => video.paused ? guarded(() => video.play())() : video.pause(), "[": markOnset, "]": markOffset,
  "+": () => zoom(2), "=": () => zoom(2), "-": () => zoom(0.5), "0": () => zoom(0)};
plot.addEventListener("keydown", event => {
  if (live || event.ctrlKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

get("error").querySelector("button").addEventListener("click", () => fail(""));
get("mode-video").addEventListener("click", () => {
  const last = job;
  showMode("video");
  if (last && last.id) guarded(follow)(last);
});
get("mode-camera").addEventListener("click", () => {
  if (upload) upload.abort();
  showMode("camera");
});
get("choose").addEventListener("click", () => get("file").click());
get("file").addEventListener("change", event => {
  if (event.target.files.length) send(event.target.files[0]);
  event.target.value = "";
});
get("take-sample").addEventListener("click", guarded(async () => follow(await ask("/api/sample", {method: "POST"}))));
get("cancel").addEventListener("click", cancel);
get("another").addEventListener("click", leave);
get("camera-start").addEventListener("click", guarded(async () => {
  try {
    await startCamera();
  } catch (error) {
    stopCamera();
    throw error;
  }
}));
get("camera-stop").addEventListener("click", () => {
  stopCamera();
  get("camera-start").focus();
});
get("person").addEventListener("change", event => {
  person = Number(event.target.value);
  show(time);
  redraw();
});
get("threshold").addEventListener("input", redraw);
get("zoom-in").addEventListener("click", () => zoom(2));
get("zoom-out").addEventListener("click", () => zoom(0.5));
get("zoom-all").addEventListener("click", () => zoom(0));
get("onset").addEventListener("click", markOnset);
get("offset").addEventListener("click", markOffset);
get("load-labels").addEventListener("click", () => get("labels").click());
get("labels").addEventListener("change", guarded(async event => {
  const file = event.target.files[0];
  if (!file) return;
  const text = await file.text();
  event.target.value = "";
  useLabels(text, file.name);
}));
get("save-png").addEventListener("click", () => drawPicture().toBlob(blob => save(blob, stem() + ".curve.png")));
get("save-episodes").addEventListener("click", () =>
  save(new Blob([episodesCsv()], {type: "text/csv"}), stem() + ".episodes.csv"));

// A file may be dropped anywhere; what is dropped must never be opened in the page's place.
let entered = 0;
addEventListener("dragenter", () => { entered++; get("drop").classList.add("over"); });
addEventListener("dragleave", () => { if (--entered <= 0) get("drop").classList.remove("over"); });
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", event => {
  event.preventDefault();
  entered = 0;
  get("drop").classList.remove("over");
  const file = event.dataTransfer.files[0];
  if (!file || live) return;
  if (/\.csv$/i.test(file.name) && job) guarded(async () => useLabels(await file.text(), file.name))();
  else if (!job || ENDED.includes(job.state)) send(file);
  else fail("A video is under way; cancel it first.");
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColors(); redraw(); });
new ResizeObserver(redraw).observe(plot);
new ResizeObserver(drawMarks).observe(get("stage"));
addEventListener("pagehide", stopCamera);

readColors();
guarded(async () => {
  about = await ask("/api");
  get("limits").textContent = `At most ${size(about.most_bytes)}. It stays on this server, and is removed `
    + `${plural(Math.round(about.keep_minutes), "minute")} after its last use.`;
  get("take-sample").hidden = !about.sample;
  document.documentElement.dataset.drawn = "yes";
  const id = location.hash.slice(1);
  if (!id) return;
  history.replaceState(null, "", location.pathname);
  await follow(await ask("/api/jobs/" + encodeURIComponent(id)));
})();
