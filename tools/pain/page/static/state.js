// What the page shows, and of which video: one object that its modules share.
import {Curve} from "./curve.js";

export const ENDED = ["done", "failed", "cancelled"];  // states of a job
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
  ...nothing(),
};

// Begin with an empty curve.
export function reset() {
  Object.assign(page, nothing());
}

export const chosen = () => page.curve.people.get(page.person);
export const stem = () => (page.job ? page.job.name : "video").replace(/\.[^.]*$/, "");
