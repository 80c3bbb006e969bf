// The video that is shown: its curve as it grows, until it ends or goes; and which of video and camera the page shows.
import {stopCamera} from "./camera.js";
import {Curve, named} from "./curve.js";
import {redraw, setAspect} from "./drawing.js";
import {ask, fail, get, guarded, say} from "./elements.js";
import {keepEpisodes, recallMarks, showEpisodes} from "./episodes.js";
import {inWords, showCard} from "./options.js";
import {showOthers} from "./over.js";
import * as player from "./player.js";
import {showNewRows} from "./reading.js";
import {hasEnded, page, reset, stem, takeUp} from "./state.js";
import {shareOf, stateWords} from "./words.js";

const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));
const video = get("video");

let told = () => {};  // that another video is shown, or none

export function whenShown(changed) {
  told = changed;
}

export function showMode(mode) {
  const camera = mode === "camera", {job} = page;
  fail("");  // what was wrong with the other
  if (camera) page.followed = null; else stopCamera();
  get("mode-video").setAttribute("aria-pressed", String(!camera));
  get("mode-camera").setAttribute("aria-pressed", String(camera));
  get("start").hidden = camera || job !== null;
  get("queue").open = !job;
  get("videos").hidden = camera;
  get("job").hidden = camera || job === null;
  get("camera").hidden = !camera;
  get("view").hidden = camera || job === null;
  video.hidden = camera;
  get("picture").hidden = !camera;
  get("stage").classList.toggle("mirrored", camera);
  for (const id of ["tools", "episodes", "help", "agreement", "above"]) get(id).hidden = camera;
  if (camera) video.pause();
  showCard(camera || !job || !job.options ? "" : job.options.model);
  told();
}

// Show the page of a job of which nothing is here yet.
export function begin(job) {
  page.job = job;
  page.followed = page.aside = null;
  reset();
  showMode("video");
  showState();
}

// Back to where videos are asked for.
export function leave() {
  page.job = page.followed = page.aside = null;
  history.replaceState(null, "", location.pathname);
  player.unload();
  showMode("video");
}

// Show a job, and its curve until it ends.
export async function follow(job) {
  begin(job);
  const mine = page.followed = {}, wanted = () => page.followed === mine;
  showFiles(job);
  player.load(job);
  showEpisodes();
  redraw();
  try {
    await recallMarks(job.id, wanted);
    if (!wanted() || !await takeRows(job, wanted)) return;
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    if (wanted()) removed();
    return;
  }
  const {name, error, damage} = page.job;
  if (error || damage) fail(error || damage + ".");
  keepEpisodes();
  showEpisodes();
  showOthers();
  say(`${name}: ${get("status").textContent}`);
  await holdCurve(wanted);
  watch(wanted);
}

export const open = guarded(async id => follow(await ask("/api/jobs/" + encodeURIComponent(id))));

// From the camera back to the video, as it was left.
export function comeBack() {
  const {job, aside} = page;
  if (aside) takeUp();
  showMode("video");
  if (!job || !job.id) return;
  if (!hasEnded(job)) return guarded(follow)(job);
  const mine = page.followed = {};
  setAspect(job);
  showNewRows();
  showEpisodes();
  if (job.state !== "removed") watch(() => page.followed === mine);
}

// Add a job's rows to the curve as they come. Resolves to whether they all came while `wanted()`.
async function takeRows(job, wanted) {
  for (let next = 0, told = 0, whole = ""; ;) {
    const answer = await ask(`/api/jobs/${job.id}/rows?from=${next}${whole}`);
    if (!wanted()) return false;
    const more = answer.next !== next, {state} = page.job = answer.job;
    if (more && whole && !next) page.curve = new Curve();  // in the place of the one that was measured
    next = answer.next;
    named(answer).forEach(row => page.curve.add(row));
    if (more) showNewRows();
    showState();
    const quarters = Math.floor(4 * shareOf(page.job));
    if (quarters > told && state === "running") say(get("status").textContent);
    told = Math.max(told, quarters);
    if (hasEnded(page.job) && !more) {
      if (whole || state !== "done" || !page.job.options.filter) return true;
      whole = "&whole";
      next = 0;
    } else if (!more) await sleep(400);
    if (!wanted()) return false;
  }
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

player.whenUnplayable(async () => {
  const {job, followed} = page;
  if (await isGone(job.id) && page.followed === followed && page.job.state !== "removed") removed();
});

// Where the job's files are, and what they are to be called.
function showFiles({id, name}) {
  history.replaceState(null, "", "#" + id);
  URL.revokeObjectURL(get("save-csv").href);  // the last one's
  for (const [link, file] of [["save-csv", "curve.csv"], ["save-json", "curve.json"]]) {
    get(link).href = `/api/jobs/${id}/${file}`;
    get(link).download = `${stem(name)}.${file}`;
  }
}

export function showState() {
  const {job} = page, {name, state} = job, ended = hasEnded(job), bar = get("progress");
  get("name").textContent = name;
  get("status").textContent = stateWords(job);
  get("status-options").textContent = state === "to send" || !job.id ? "" : inWords(job.options);
  bar.hidden = ended;
  if (["sending", "running"].includes(state) && (job.total || !job.id)) bar.value = shareOf(job);
  else bar.removeAttribute("value");
  get("cancel").hidden = ["cancelled", "removed"].includes(state);
  get("cancel").textContent = ended ? "Remove" : "Cancel";
  get("again").hidden = get("save-json").hidden = get("save-annotated").hidden = !["done", "failed"].includes(state);
  get("view").hidden = !page.live && (!job.id || state === "cancelled");
}
