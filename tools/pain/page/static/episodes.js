// Episodes that a person marks on the curve: their table, and the file of them.
import {apexOf} from "./curve.js";
import {drawCursor, redraw} from "./drawing.js";
import {element, fail, get, save, say} from "./elements.js";
import {seek} from "./reading.js";
import {page, stem} from "./state.js";
import {clock, number} from "./words.js";

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

// They are kept for when the page is loaded again.
const key = job => "episodes " + job.id;

function keepEpisodes() {
  if (page.job && page.job.id) sessionStorage.setItem(key(page.job), JSON.stringify(page.episodes));
}

export function recallEpisodes() {
  page.episodes = JSON.parse(sessionStorage.getItem(key(page.job)) || "[]");
}

export function forgetEpisodes() {
  sessionStorage.removeItem(key(page.job));
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
  const lines = ["name,person,onset_frame,onset_s,apex_frame,apex_s,offset_frame,offset_s,peak"];
  for (const {name, person, first, last} of episodes) {
    const one = curve.people.get(person), apex = apexOf(one, first, last);
    const place = at => at < 0 ? "," : `${at},${curve.times[at].toFixed(6)}`;
    lines.push([quoted(name), person, place(first), place(apex), place(last),
      apex < 0 ? "" : one.intensity[apex].toFixed(4)].join(","));
  }
  return lines.join("\n") + "\n";
}

get("onset").addEventListener("click", markOnset);
get("offset").addEventListener("click", markOffset);
get("save-episodes").addEventListener("click", () =>
  save(new Blob([episodesCsv()], {type: "text/csv"}), stem() + ".episodes.csv"));
