// How the next videos are rated: the panel of options, which this tab remembers.
import {get} from "./elements.js";
import {page} from "./state.js";
import {number} from "./words.js";

const KEY = "options";
const fields = () => [...document.querySelectorAll("#options [name]")];

// Fill the panel with what was chosen in this tab before, or with what the server does unless told otherwise.
export function showOptions() {
  const names = Object.keys(page.about.cards);
  get("calibrated-box").hidden = !page.about.calibrated;
  get("model-box").hidden = names.length < 2;
  get("model").replaceChildren(...names.map(name => new Option(name)));
  const chosen = {...page.about.options, ...JSON.parse(sessionStorage.getItem(KEY))};
  if (!names.includes(chosen.model)) chosen.model = page.about.options.model;  // of a server that is no more
  fill(chosen);
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

// Those of a video's options that are not usual, in words, and its nets where there are several; "" for none.
export function inWords(options) {
  const usual = page.about.options, parts = Object.keys(page.about.cards).length > 1 ? [`nets ${options.model}`] : [];
  if (options.track !== usual.track) parts.push(options.track ? "a curve for every person" : "the largest face alone");
  if (options.min_face !== usual.min_face) parts.push(`faces from ${number(100 * options.min_face, 0)} % of the height`);
  if (options.filter) parts.push(`${options.filter} filter of ${options.seconds} s`);
  if (page.about.calibrated && !options.calibrated) parts.push("not calibrated");
  if (String(options.thresholds) !== String(usual.thresholds)) parts.push(`thresholds ${options.thresholds.join(" ")}`);
  return parts.join(", ");
}

// Say of the nets that a video is rated with what is to be said, the usual ones' unless told.
export function showCard(model) {
  const {cards, options} = page.about;
  if (!cards) return;
  const card = cards[model] || cards[options.model];
  for (const place of document.querySelectorAll("[data-card]")) place.textContent = card[place.dataset.card];
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
