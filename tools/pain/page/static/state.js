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
  over: null,  // another curve over this one: {id, name, notice, curve, placed: its intensities by frame of this one}
  episodes: [],  // {name, person, first, last}
  onset: null, marking: null,  // the frame of [; the two frames between which is being dragged
});

export const page = {
  about: {most_bytes: Infinity, keep_minutes: 60, sample: false},  // what the server says of itself
  session: {jobs: [], nearly_full: false},  // what it says of all videos of this browser
  uploads: [],  // videos that are still to go there: {name, file, options, state, sent, request}
  job: null,  // the video that is shown, as the server describes it, or one of the uploads
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
export const hasEnded = job => ENDED.includes(job.state);
