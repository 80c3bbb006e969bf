// The session's videos: those on the server, those on their way there, and what is kept of those that are gone.
import {ask, element, get, guarded, say} from "./elements.js";
import {mayForget, saveEpisodes} from "./episodes.js";
import {begin, follow, leave, open, showState, whenShown} from "./job.js";
import {allKept, forget, isSaved, keep, kept} from "./kept.js";
import {chosenOptions, inWords} from "./options.js";
import {showOthers} from "./over.js";
import {hasEnded, page} from "./state.js";
import {cancelUpload, moveUpload, send, whenUploading} from "./upload.js";
import {plural, shareOf, size, stateWords} from "./words.js";

const OFTEN = 1000;  // milliseconds between looks at the server while a video is under way
const rows = new Map();  // of the list, by what they are of
let timer = 0;

// Ask the server how far all videos are, now and again as long as one is under way.
export async function refresh() {
  clearTimeout(timer);
  showQueue();
  try {
    page.session = await ask("/api/jobs");
    showQueue();
    showOthers();
  } catch {  // whatever is shown says so
  }
  const busy = page.uploads.length || !page.session.jobs.every(hasEnded);
  clearTimeout(timer);
  timer = setTimeout(refresh, busy ? OFTEN : Math.max(OFTEN, Math.min(30000, page.about.keep_minutes * 60000 / 4)));
}

// What the list is of, in its order: jobs, uploads, and of those that are gone what this tab has kept.
function entries() {
  const {jobs} = page.session, here = new Set(jobs.map(({id}) => id));
  const gone = allKept().filter(({id}) => !here.has(id) && !(page.job && page.job.id === id))
    .map(({id, name}) => ({id, name, state: "gone"}));
  return [...jobs, ...page.uploads, ...gone];
}

export function showQueue() {
  const all = entries(), list = get("queue-videos"), {nearly_full, kept_bytes, most_kept_bytes} = page.session;
  const keys = new Set(all.map(keyOf));
  for (const [key, row] of rows) {
    if (keys.has(key)) continue;
    row.remove();
    rows.delete(key);
  }
  all.forEach((entry, place) => {
    if (!rows.has(keyOf(entry))) rows.set(keyOf(entry), newRow());
    const row = rows.get(keyOf(entry));
    fillRow(row, entry);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
  });
  get("queue").hidden = !all.length;
  get("queue-count").textContent = countWords(all);
  const ended = page.session.jobs.some(({done, state}) => done && ["done", "failed"].includes(state));
  get("save-study").hidden = get("save-all").hidden = !ended;
  get("save-study").href = "/api/study.csv?options=" + encodeURIComponent(chosenOptions());
  get("save-all").href = "/api/session.zip?options=" + encodeURIComponent(chosenOptions());
  get("full").hidden = !nearly_full;
  if (nearly_full) {
    get("full").textContent = `The kept videos take ${size(kept_bytes)} of ${size(most_kept_bytes)}. When there is no room `
      + "for another one, those unused longest are removed, with their curves, labels and episodes: save what you need.";
  }
}

const keyOf = entry => entry.id || entry;

function countWords(all) {
  const count = state => all.filter(entry => entry.state === state).length;
  const parts = ["running", "waiting", "sending", "to send", "failed", "done"].filter(count)
    .map(state => `${count(state)} ${state === "to send" ? "to be sent" : state}`);
  return `${plural(all.length, "video")}` + (parts.length ? `: ${parts.join(", ")}` : "");
}

function newRow() {
  const row = element("li", "");
  const button = name => element("button", "", {type: "button", className: name});
  const buttons = element("span", "", {className: "buttons"});
  buttons.append(...["earlier", "later", "episodes", "cancel"].map(button));
  row.append(button("show"), element("span", "", {className: "soft"}), element("progress", "", {max: 1}), buttons);
  return row;
}

// Let a row say how its video is.
function fillRow(row, entry) {
  const {id, name, state} = entry, gone = state === "gone", entryKept = id && kept(id);
  const [show, said, bar] = row.children;
  const set = (kind, text, label, hidden, action) => {
    const button = row.querySelector("." + kind);
    Object.assign(button, {hidden, onclick: action});
    if (button.textContent !== text) button.textContent = text;
    button.ariaLabel = `${label}: ${name}`;
  };
  const shown = page.job && keyOf(page.job) === keyOf(entry), waits = ["waiting", "to send"].includes(state);
  set("show", name, "Show", false, () => id ? open(id) : begin(entry));
  if (shown) show.setAttribute("aria-current", "true"); else show.removeAttribute("aria-current");
  set("earlier", "\u2191", "Earlier", !waits, () => move(entry, -1));
  set("later", "\u2193", "Later", !waits, () => move(entry, 1));
  set("episodes", "episodes.csv", "episodes.csv of", !entryKept || !entryKept.csv, () => { saveEpisodes(id); showQueue(); });
  const end = gone || hasEnded(entry) ? "Remove" : "Cancel";
  set("cancel", end, end, false, guarded(() => cancel(entry)));
  said.textContent = [gone ? "removed from the server" : stateWords(entry), entry.options && id && inWords(entry.options),
    marksWords(entry, entryKept)].filter(Boolean).join("; ");
  bar.hidden = !["sending", "running"].includes(state);
  bar.value = bar.hidden ? 0 : shareOf(entry);
  bar.ariaLabel = name;
}

function marksWords({episodes, labels}, entryKept) {
  const count = entryKept ? entryKept.episodes.length : episodes;
  return [labels ? "labels" : "", count ? plural(count, "episode")
    + (entryKept && isSaved(entryKept) ? "" : ", not saved") : ""].filter(Boolean).join(", ");
}

async function move(entry, by) {
  if (!entry.id) return moveUpload(entry, by);
  const waiting = page.session.jobs.filter(({state}) => state === "waiting").map(({id}) => id);
  const to = waiting.indexOf(entry.id) + by;
  if (to < 0 || to >= waiting.length) return;
  await guarded(ask)(`/api/jobs/${entry.id}/place?to=${to}`, {method: "POST"});
  await refresh();
  say(`${entry.name}: place ${to + 1} of those that wait`);
}

// Cancel a job or an upload, or remove what there is of it; asked where episodes are not saved.
export async function cancel(entry) {
  const {id, state} = entry, shown = page.job && keyOf(page.job) === keyOf(entry);
  if (!id) cancelUpload(entry);
  else {
    if (!mayForget(id)) return;
    forget(id);
    if (state !== "gone" && state !== "removed") {
      await ask("/api/jobs/" + id, {method: "DELETE"}).catch(problem => { if (problem.status !== 404) throw problem; });
    }
  }
  if (shown) {
    leave();
    get("choose").focus();
  }
  await refresh();
  say(`${entry.name}: ` + (hasEnded(entry) || state === "gone" ? "removed" : "cancelled"));
  if (!shown) (get("queue").hidden ? get("choose") : get("queue").querySelector("summary")).focus();
}

// Take videos; a single one is shown at once if no other is.
export function take(files) {
  const [upload, second] = send(files);
  if (upload && !second && !page.job && !page.live && page.uploads[0] === upload) begin(upload);
  showQueue();
}

whenUploading((upload, job) => {
  if (page.job === upload) {
    if (job) page.live || get("job").hidden ? page.job = job : guarded(follow)(job);
    else if (job === null) get("job").hidden ? page.job = null : leave();
    else if (!get("job").hidden) showState();
  }
  if (job === undefined) showQueue(); else refresh();
});

whenShown(showQueue);

get("again").addEventListener("click", guarded(async () => {
  const {id} = page.job;
  await follow(await ask(`/api/jobs/${id}/again?options=${encodeURIComponent(chosenOptions())}`, {method: "POST"}));
}));
get("save-all").addEventListener("click", () => {
  for (const {id, ...entry} of allKept()) {
    if (page.session.jobs.some(job => job.id === id)) keep(id, {...entry, saved: JSON.stringify(entry.episodes)});
  }
  showQueue();
});
get("mode-video").addEventListener("click", refresh);
