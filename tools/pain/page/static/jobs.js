// A video's way: sent, waiting, estimated, read; and which of video and camera the page shows.
import {stopCamera} from "./camera.js";
import {named} from "./curve.js";
import {redraw, setAspect} from "./drawing.js";
import {ask, fail, get, guarded, say} from "./elements.js";
import {mayForget, recallEpisodes, showEarlier, showEpisodes} from "./episodes.js";
import {forget} from "./kept.js";
import {showNewRows, useLabels} from "./reading.js";
import {ENDED, page, reset, stem, takeUp} from "./state.js";
import {clock, plural, size} from "./words.js";

const video = get("video");
const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));

export function showMode(mode) {
  const camera = mode === "camera", {job} = page;
  fail("");  // what was wrong with the other
  if (camera) page.followed = null; else stopCamera();
  get("mode-video").setAttribute("aria-pressed", String(!camera));
  get("mode-camera").setAttribute("aria-pressed", String(camera));
  get("start").hidden = camera || job !== null;
  if (!job) showEarlier(guarded(async id => follow(await ask("/api/jobs/" + id))));
  get("job").hidden = camera || job === null;
  get("camera").hidden = !camera;
  get("view").hidden = camera || job === null;
  video.hidden = camera;
  get("picture").hidden = !camera;
  get("stage").classList.toggle("mirrored", camera);
  for (const id of ["tools", "episodes", "help", "agreement", "above"]) get(id).hidden = camera;
  if (camera) video.pause();
}

export function send(file) {
  if (page.upload) return;
  const most = page.about.most_bytes;
  fail("");
  if (file.size > most) {
    fail(`${file.name}: ${size(file.size)}, and at most ${size(most)} are taken here; cut it, or begin the page with a `
      + "higher limit (--max-mb).");
    return;
  }
  const upload = page.upload = new XMLHttpRequest();  // fetch() cannot say how much has gone
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
    page.upload = null;
    if (status === 201) return follow(response);
    leave();
    if (aborted) return;
    throw new Error((response && response.error) || (status ? `The server answers ${status}.`
      : "The video could not be sent; see whether the server still runs in its terminal."));
  });
  upload.send(file);
}

// Show the page of a job that is not here yet.
function begin(job) {
  page.job = job;
  page.followed = page.aside = null;
  reset();
  showMode("video");
  showState();
}

// Back to where a video is asked for.
export function leave() {
  page.job = page.followed = page.aside = null;
  history.replaceState(null, "", location.pathname);
  video.removeAttribute("src");
  video.load();
  showMode("video");
}

// A job's curve until it ends.
export async function follow(job) {
  begin(job);
  const mine = page.followed = {};
  showVideo(job);
  recallEpisodes();
  if (job.labels) fetch(`/api/jobs/${job.id}/labels.csv`).then(async answer => {
    const file = await answer.blob();
    if (page.followed === mine) guarded(useLabels)(file, "labels.csv");
  });
  showEpisodes();
  redraw();
  const wanted = () => page.followed === mine;
  try {
    if (!await takeRows(job.id, wanted)) return;
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    if (wanted()) removed();
    return;
  }
  const {name, error, damage} = page.job;
  if (error || damage) fail(error || damage + ".");
  showEpisodes();
  say(`${name}: ${get("status").textContent}`);
  await holdCurve(wanted);
  watch(wanted);
}

// From the camera back to the video, as it was left.
export function comeBack() {
  const {job, aside} = page;
  if (aside) takeUp();
  showMode("video");
  if (!job || !job.id) return;
  if (!ENDED.includes(job.state)) return guarded(follow)(job);
  const mine = page.followed = {};
  setAspect(job);
  showNewRows();
  showEpisodes();
  if (job.state !== "removed") watch(() => page.followed === mine);
}

// Hold the whole curve here, so that it can be saved whatever becomes of the server's.
async function holdCurve(wanted) {
  if (!page.curve.count) return;
  const answer = await fetch(get("save-csv").href), blob = await answer.blob();
  if (wanted() && answer.ok) get("save-csv").href = URL.createObjectURL(blob);
}

const isGone = async id => (await fetch("/api/jobs/" + id, {method: "HEAD"}).catch(() => ({}))).status === 404;

// See now and then whether the server still has the video; that it is asked for in this way does not keep it there.
async function watch(wanted) {
  while (wanted()) {
    await sleep(Math.max(500, Math.min(30000, page.about.keep_minutes * 60000 / 4)));
    if (wanted() && await isGone(page.job.id) && wanted()) return removed();
  }
}

function removed() {
  page.job = {...page.job, state: "removed"};
  showState();
  fail(`${page.job.name}: removed from the server. What this page has of it can be saved until you leave.`);
}

function showVideo(job) {
  history.replaceState(null, "", "#" + job.id);
  get("unplayable").hidden = true;
  video.hidden = false;
  setAspect(job);
  URL.revokeObjectURL(get("save-csv").href);  // the last one's
  video.src = `/api/jobs/${job.id}/video`;
  get("save-csv").href = `/api/jobs/${job.id}/curve.csv`;
  get("save-csv").download = stem(job.name) + ".curve.csv";
}

// Add a job's rows to the curve as they come. Resolves to whether they all came while `wanted()`.
async function takeRows(id, wanted) {
  for (let next = 0, told = 0; ;) {
    const answer = await ask(`/api/jobs/${id}/rows?from=${next}`);
    if (!wanted()) return false;
    const more = answer.next !== next, {state, done, total} = page.job = answer.job;
    next = answer.next;
    named(answer).forEach(row => page.curve.add(row));
    if (more) showNewRows();
    showState();
    const quarters = total ? Math.floor(4 * done / total) : 0;
    if (quarters > told && state === "running") say(get("status").textContent);
    told = Math.max(told, quarters);
    if (ENDED.includes(state) && !more) return true;
    if (!more) await sleep(400);
    if (!wanted()) return false;
  }
}

function showState() {
  const {name, state, before, done, total, rate, eta} = page.job, of = total ? ` of ${total.toLocaleString("en")}` : "";
  const ended = ENDED.includes(state), bar = get("progress");
  get("name").textContent = name;
  get("status").textContent = {
    sending: "sending",
    waiting: before ? `waiting, ${plural(before, "video")} before this one` : "waiting",
    running: `${done.toLocaleString("en")}${of} frames` + (rate ? `, ${rate.toFixed(rate < 10 ? 1 : 0)} a second` : "")
      + (eta === null || eta === undefined ? "" : `, about ${clock(eta)} left`),
    done: plural(done, "frame"),
    failed: `failed after ${plural(done, "frame")}`,
    removed: `${plural(done, "frame")}, removed from the server`,
    cancelled: "cancelled"}[state];
  bar.hidden = ended;
  if (state === "running" && total) bar.value = done / total;
  else if (state !== "sending") bar.removeAttribute("value");
  else bar.value = 0;
  get("cancel").hidden = ["cancelled", "removed"].includes(state);
  get("cancel").textContent = ended ? "Remove" : "Cancel";
  get("another").hidden = !ended;
  get("view").hidden = !page.live && ["sending", "cancelled"].includes(state);
}

export const cancel = guarded(async () => {
  if (page.upload) return page.upload.abort();
  const {id, state} = page.job;
  if (!mayForget(id)) return;
  forget(id);
  await ask("/api/jobs/" + id, {method: "DELETE"});
  leave();
  say(ENDED.includes(state) ? "removed" : "cancelled");
  get("choose").focus();
});

video.addEventListener("loadedmetadata", () => {
  if (video.videoWidth) setAspect({width: video.videoWidth, height: video.videoHeight});
});
video.addEventListener("error", async () => {
  const {job, followed} = page;
  if (!video.getAttribute("src")) return;
  video.hidden = true;
  get("unplayable").hidden = false;
  if (await isGone(job.id) && page.followed === followed && page.job.state !== "removed") removed();
});
