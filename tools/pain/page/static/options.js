// How the next videos are rated: the panel of options, which this tab remembers.
import {get} from "./elements.js";
import {page} from "./state.js";
import {number} from "./words.js";

const KEY = "options";
const fields = () => [...document.querySelectorAll("#options [name]")];

// Fill the panel with what was chosen in this tab before, or with what the server does unless told otherwise.
export function showOptions() {
  get("calibrated-box").hidden = !page.about.calibrated;
  fill({...page.about.options, ...JSON.parse(sessionStorage.getItem(KEY))});
}

function fill(options) {
  for (const field of fields()) {
    const value = options[field.name];
    if (field.type === "checkbox") field.checked = value;
    else field.value = field.name === "thresholds" ? value.join(" ") : value;
  }
  tell();
}

function read() {
  return Object.fromEntries(fields().map(({name, type, checked, value}) => [name, type === "checkbox" ? checked
    : name === "thresholds" ? value.trim().split(/[\s,;]+/).map(Number) : type === "number" ? Number(value) : value]));
}

// The options as the server takes them, JSON.
export const chosenOptions = () => JSON.stringify(read());

// Those of a video's options that are not usual, in words; "" for none.
export function inWords(options) {
  const usual = page.about.options, parts = [];
  if (options.track !== usual.track) parts.push(options.track ? "a curve for every person" : "the largest face alone");
  if (options.min_face !== usual.min_face) parts.push(`faces from ${number(100 * options.min_face, 0)} % of the height`);
  if (options.filter) parts.push(`${options.filter} filter of ${options.seconds} s`);
  if (page.about.calibrated && !options.calibrated) parts.push("not calibrated");
  if (String(options.thresholds) !== String(usual.thresholds)) parts.push(`thresholds ${options.thresholds.join(" ")}`);
  return parts.join(", ");
}

function tell() {
  get("seconds-box").hidden = !get("filter").value;
  get("options-chosen").textContent = inWords(read()) || "as usual";
}

get("options").addEventListener("change", () => {
  sessionStorage.setItem(KEY, chosenOptions());
  tell();
});
get("usual-options").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  fill(page.about.options);
});
