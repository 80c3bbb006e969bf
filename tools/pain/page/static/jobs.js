// A video's way: sent, waiting, estimated, read; and which of video and camera the page shows.
import {stopCamera} from "./camera.js";
import {named} from "./curve.js";
import {redraw, setAspect} from "./drawing.js";
import {ask, fail, get, guarded, say} from "./elements.js";
import {forgetEpisodes, recallEpisodes, showEpisodes} from "./episodes.js";
import {showNewRows, useLabels} from "./reading.js";
import {ENDED, page, reset, stem} from "./state.js";
import {clock, plural, size} from "./words.js";

const video = get("video");
const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));

export function showMode(mode) {
  const camera = mode === "camera", {job} = page;
  if (camera) page.followed = null; else stopCamera();
  get("mode-video").setAttribute("aria-pressed", String(!camera));
  get("mode-camera").setAttribute("aria-pressed", String(camera));
  get("start").hidden = camera || job !== null;
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
  page.followed = null;
  reset();
  showMode("video");
  showState();
}

// Back to where a video is asked for.
export function leave() {
  page.job = page.followed = null;
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
  if (!await takeRows(job.id, () => page.followed === mine)) return;
  const {name, error, damage} = page.job;
  if (error || damage) fail(error || damage + ".");
  showEpisodes();
  say(`${name}: ${get("status").textContent}`);
}

function showVideo(job) {
  history.replaceState(null, "", "#" + job.id);
  get("unplayable").hidden = true;
  video.hidden = false;
  setAspect(job);
  video.src = `/api/jobs/${job.id}/video`;
  get("save-csv").href = `/api/jobs/${job.id}/curve.csv`;
  get("save-csv").download = stem() + ".curve.csv";
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
    cancelled: "cancelled"}[state];
  bar.hidden = ended;
  if (state === "running" && total) bar.value = done / total;
  else if (state !== "sending") bar.removeAttribute("value");
  else bar.value = 0;
  get("cancel").hidden = state === "cancelled";
  get("cancel").textContent = ended ? "Remove" : "Cancel";
  get("another").hidden = !ended;
  get("view").hidden = !page.live && ["sending", "cancelled"].includes(state);
}

export const cancel = guarded(async () => {
  if (page.upload) return page.upload.abort();
  const {id, state} = page.job;
  forgetEpisodes();
  await ask("/api/jobs/" + id, {method: "DELETE"});
  leave();
  say(ENDED.includes(state) ? "removed" : "cancelled");
  get("choose").focus();
});

video.addEventListener("loadedmetadata", () => {
  if (video.videoWidth) setAspect({width: video.videoWidth, height: video.videoHeight});
});
video.addEventListener("error", () => {
  if (!video.getAttribute("src")) return;
  video.hidden = true;
  get("unplayable").hidden = false;
  guarded(ask)("/api/jobs/" + page.job.id);  // says so if it has been removed
});
