// What the page shows, and of which video: one object that its modules share.
import {Curve} from "./curve.js";

export const ENDED = ["done", "failed", "cancelled", "removed"];  // states of a job; the last is the page's own word
export const LIVE = 60;  // seconds of the camera's curve

const nothing = () => ({
  curve: new Curve(),
  person: 1,  // whose reading is shown
  frame: -1,  // the one shown; -1: not estimated yet
  time: 0,  // of the playhead, in seconds
  hover: null,  // the frame under the pointer
  span: null,  // the seconds shown, [from, to], or null for all
  labels: null, placed: null,  // as loaded, and by frame
  episodes: [],  // {name, person, first, last}
  onset: null, marking: null,  // the frame of [; the two frames between which is being dragged
});

export const page = {
  about: {most_bytes: Infinity, keep_minutes: 60, sample: false},  // what the server says of itself
  job: null,  // what it says of the video
  upload: null,  // the request that brings the video there
  followed: null,  // a new object for each video whose rows are asked for
  live: null,  // {stream, socket, rows, width, height} of the camera
  aside: null,  // the video's part of this while the camera has been in its place
  ...nothing(),
};

// Begin with an empty curve.
export function reset() {
  Object.assign(page, nothing());
}

// The video's curve is put aside for the camera's, for it may be nowhere else any more.
export function putAside() {
  if (!page.aside) page.aside = Object.fromEntries(Object.keys(nothing()).map(key => [key, page[key]]));
  reset();
}

export function takeUp() {
  Object.assign(page, page.aside, {aside: null});
}

export const chosen = () => page.curve.people.get(page.person);
export const stem = name => name.replace(/\.[^.]*$/, "");
