// Episodes that a person marks on the curve: their table, and the file of them.
import {apexOf} from "./curve.js";
import {drawCursor, redraw} from "./drawing.js";
import {element, fail, get, saveCsv, say} from "./elements.js";
import {allKept, forget, isSaved, keep, kept} from "./kept.js";
import {seek} from "./reading.js";
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

function keepEpisodes() {
  const {curve, episodes, job: {id, name}} = page;
  if (!episodes.length) return forget(id);
  const earlier = kept(id) || {};
  const csv = episodes.every(({last}) => last < curve.count) ? episodesCsv() : earlier.csv;  // the curve may be to come
  keep(id, {name, episodes, csv, saved: earlier.saved});
}

export function recallEpisodes() {
  page.episodes = (kept(page.job.id) || {episodes: []}).episodes;
}

// Whether the episodes of a video may be forgotten: asked where they have not been saved.
export function mayForget(id) {
  const entry = kept(id);
  return !entry || isSaved(entry) || confirm(`${entry.name}: ${plural(entry.episodes.length, "episode")} not saved yet. `
    + "Remove them with the video?");
}

function saveEpisodes(id) {
  const entry = kept(id);
  saveCsv(entry.csv, stem(entry.name) + ".episodes.csv");
  keep(id, {...entry, saved: JSON.stringify(entry.episodes)});
}

// The videos of which there are episodes, where another one is asked for. open(id): shows one again.
export function showEarlier(open) {
  get("earlier").hidden = !allKept().length;
  get("earlier-videos").replaceChildren(...allKept().map(entry => {
    const {id, name, episodes} = entry, item = element("li", ""), count = element("span", "", {className: "soft"});
    const tell = () => {
      count.textContent = plural(episodes.length, "episode") + (isSaved(kept(id)) ? "" : ", not saved");
    };
    const again = element("button", name, {type: "button", ariaLabel: "Show again: " + name});
    const csv = element("button", "episodes.csv", {type: "button", ariaLabel: "episodes.csv of " + name});
    again.addEventListener("click", () => open(id));
    csv.addEventListener("click", () => { saveEpisodes(id); tell(); });
    item.append(again, csv, count);
    tell();
    return item;
  }));
}

export function showEpisodes() {
  const {episodes} = page;
  keepEpisodes();
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
