// Episodes that a person marks on the curve: their table, and the file of them.
import {apexOf} from "./curve.js";
import {drawCursor, redraw} from "./drawing.js";
import {ask, element, fail, get, guarded, saveCsv, say} from "./elements.js";
import {forget, isSaved, keep, kept} from "./kept.js";
import {placeBeside, seek} from "./reading.js";
import {page, stem} from "./state.js";
import {clock, number, plural} from "./words.js";

export function addEpisode(from, to) {
  const {curve, episodes, person} = page, [first, last] = [from, to].sort((a, b) => a - b);
  if (first === last) return fail("An episode has more than one frame; its offset comes after its onset.");
  const numbers = episodes.map(one => Number((one.name.match(/^Episode (\d+)$/) || [0, 0])[1]));
  episodes.push({name: "Episode " + (1 + Math.max(0, ...numbers)), person, first, last});
  episodes.sort((a, b) => a.first - b.first);
  page.onset = null;
  fail("");
  keepEpisodes();
  showEpisodes();
  redraw();
  say(`episode from ${clock(curve.times[first], 1)} to ${clock(curve.times[last], 1)}`);
}

export function markOnset() {
  if (page.frame < 0) return;
  page.onset = page.frame;
  drawCursor();
  say(`onset at ${clock(page.curve.times[page.frame], 1)}`);
}

export function markOffset() {
  if (page.onset === null) fail("Set the onset first: go where the episode begins and press [.");
  else if (page.frame >= 0) addEpisode(page.onset, page.frame);
}

// Keep the shown video's episodes, here and beside it on the server, so that they outlive this page.
export function keepEpisodes() {
  const {curve, episodes, job: {id, name, state}} = page, earlier = kept(id) || {episodes: [], csv: ""};
  const all = episodes.every(({last}) => last < curve.count);  // else the curve is still to come
  const csv = !episodes.length ? "" : all ? episodesCsv() : earlier.csv;
  const same = JSON.stringify(episodes) === JSON.stringify(earlier.episodes) && csv === earlier.csv;
  if (same && !earlier.unsent) return;
  keep(id, {name, episodes, csv, saved: earlier.saved, unsent: true});
  if (state !== "removed") sendKept(id);
}

// What is kept here to the server, in the order in which it was made.
let sent = Promise.resolve();
function sendKept(id) {
  sent = sent.then(guarded(async () => {
    const {episodes, csv} = kept(id) || {};
    if (!episodes) return;  // removed meanwhile
    const answer = ask(`/api/jobs/${id}/episodes`, {method: "PUT", body: JSON.stringify({episodes, csv})});
    await answer.catch(problem => { if (problem.status !== 404) throw problem; });  // of which the page tells by itself
    const entry = kept(id);
    if (entry && JSON.stringify(entry.episodes) !== JSON.stringify(episodes)) return;  // the next one sends these
    if (episodes.length) keep(id, {...entry, unsent: false}); else forget(id);
  }));
}

// The episodes and labels that are kept beside a video, to where it is shown, if `wanted()`.
export async function recallMarks(id, wanted) {
  const {episodes, labels} = await ask(`/api/jobs/${id}/marks`), mine = kept(id);
  if (!wanted()) return;
  const now = mine && mine.unsent ? mine.episodes : episodes;
  if (JSON.stringify(now) !== JSON.stringify(page.episodes)) page.episodes = now;  // else whatever has the focus keeps it
  placeBeside(labels && labels.raters);
  showEpisodes();
}

// Whether the episodes of a video may be forgotten: asked where they have not been saved.
export function mayForget(id) {
  const entry = kept(id);
  return !entry || isSaved(entry) || confirm(`${entry.name}: ${plural(entry.episodes.length, "episode")} not saved yet. `
    + "Remove them with the video?");
}

export function saveEpisodes(id) {
  const entry = kept(id);
  saveCsv(entry.csv, stem(entry.name) + ".episodes.csv");
  keep(id, {...entry, saved: JSON.stringify(entry.episodes)});
}

let rowsOf = [];  // what the rows of the table are of: each episode, with its figures

export function showEpisodes() {
  const {curve, episodes} = page;
  const now = episodes.flatMap(({first, last, person}, i) => {
    const one = curve.people.get(person), apex = apexOf(one, first, last);
    return [episodes[i], curve.times[first], curve.times[last], apex, apex < 0 ? 0 : one.intensity[apex]];
  });
  if (now.length === rowsOf.length && now.every((figure, i) => Object.is(figure, rowsOf[i]))) return;  // focus stays
  rowsOf = now;
  get("no-episodes").hidden = episodes.length > 0;
  document.querySelector("#episodes table").hidden = get("save-episodes").hidden = !episodes.length;
  get("episode-rows").replaceChildren(...episodes.map(episodeRow));
}

function episodeRow(episode) {
  const {curve} = page, row = element("tr", ""), one = curve.people.get(episode.person);
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
    page.episodes.splice(page.episodes.indexOf(episode), 1);
    keepEpisodes();
    showEpisodes();
    redraw();
    get("plot").focus();
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
  const {curve, episodes} = page, quoted = text => /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  const inert = text => /^[=+@-]/.test(text) ? "'" + text : text;  // a spreadsheet would compute it
  const lines = ["name,person,onset_frame,onset_s,apex_frame,apex_s,offset_frame,offset_s,peak,notice"];
  for (const {name, person, first, last} of episodes) {
    const one = curve.people.get(person), apex = apexOf(one, first, last);
    const place = at => at < 0 ? "," : `${at},${curve.times[at].toFixed(6)}`;
    lines.push([quoted(inert(name)), person, place(first), place(apex), place(last),
      apex < 0 ? "" : one.intensity[apex].toFixed(4), quoted(get("made-by").textContent)].join(","));
  }
  return lines.join("\n") + "\n";
}

get("onset").addEventListener("click", markOnset);
get("offset").addEventListener("click", markOffset);
get("save-episodes").addEventListener("click", () => saveEpisodes(page.job.id));
