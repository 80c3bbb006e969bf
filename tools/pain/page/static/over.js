// A second curve over the one that is shown: another of the session's videos, as rated with other options, or a file's.
import {Curve, named} from "./curve.js";
import {redraw} from "./drawing.js";
import {ask, fail, get, guarded, say} from "./elements.js";
import {agreementWords} from "./legend.js";
import {inWords} from "./options.js";
import {show} from "./reading.js";
import {page} from "./state.js";

const FILE = "file", NOTHING = "";
const select = get("over");

// What tells a video from the same one with other options.
const called = ({name, options}) => name + (inWords(options) ? ` (${inWords(options)})` : "");

// What can be laid over: the session's other videos that have a curve.
export function showOthers() {
  const {job, session, over} = page;
  const others = session.jobs.filter(({id, state, done}) => state === "done" && done && !(job && job.id === id));
  const entries = [[NOTHING, "nothing"], ...others.map(job => [job.id, called(job)]), [FILE, "a curve.csv\u2026"]];
  const now = over ? over.id : NOTHING;
  if (over && !entries.some(([id]) => id === over.id)) entries.splice(1, 0, [over.id, over.name]);
  const same = JSON.stringify([entries, now]);
  if (select.dataset.shown === same || document.activeElement === select) return;
  select.dataset.shown = same;
  select.replaceChildren(...entries.map(([id, name]) => new Option(name, id, false, id === now)));
}

function lay(over) {
  page.over = over;
  placeOver();
  select.blur();
  showOthers();
  show(page.time);
  redraw();
  if (over && page.curve.count) say(agreementWords());
}

// Which intensities of the other curve are of which frames of this one: the nearest, if no further off than half a frame.
export function placeOver() {
  const {curve, over, person} = page;
  if (!over) return;
  const other = over.curve, one = other.people.get(person) || other.people.values().next().value;
  const most = curve.step / 2 + 1e-6;
  over.placed = new Float32Array(curve.count).fill(NaN);
  for (let frame = 0; one && other.count && frame < curve.count; frame++) {
    const at = other.nearest(curve.times[frame]);
    if (Math.abs(other.times[at] - curve.times[frame]) <= most) over.placed[frame] = one.intensity[at];
  }
}

const curveOf = rows => {
  const curve = new Curve();
  rows.forEach(row => curve.add(row));
  return curve;
};

// Lay a file's curve over the one that is shown.
export async function layFile(file) {
  const {curve} = page;
  const answer = await ask("/api/curve?name=" + encodeURIComponent(file.name), {method: "POST", body: file});
  if (page.curve !== curve) return;
  fail("");
  lay({id: "the file " + file.name, name: file.name, notice: answer.notice, curve: curveOf(named(answer))});
}

async function layJob(id, name) {
  const {about, curve, session} = page, rows = [], other = session.jobs.find(job => job.id === id);
  for (let next = 0, more = true; more;) {
    const answer = await ask(`/api/jobs/${id}/rows?whole&from=${next}`);
    more = answer.next !== next;
    next = answer.next;
    rows.push(...named(answer));
  }
  if (page.curve !== curve) return;
  const others = other && other.options.model !== page.job.options.model;
  const notice = others ? about.cards[other.options.model].short : "";
  lay({id, name, notice, curve: curveOf(rows)});
}

select.addEventListener("change", guarded(async () => {
  const {value, selectedOptions: [option]} = select;
  if (value === FILE) {
    select.value = page.over ? page.over.id : NOTHING;
    return get("over-file").click();
  }
  if (value === NOTHING) return lay(null);
  if (!page.over || value !== page.over.id) await layJob(value, option.textContent);
}));
get("over-file").addEventListener("change", guarded(async event => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) await layFile(file);
}));
