// A curve: its frames as they arrive, and what can be said of them.

const LONGEST = 1;  // seconds that a frame lasts; without one for longer, and for two usual frames, the video pauses
export const TOP = 5;  // the highest intensity
export const FACES = ["found", "interpolated", "none"];  // a face is one of these in a row, and its place in arrays
export const [FOUND, INTERPOLATED, NONE] = FACES.keys();
const VALUES = ["intensity", "spread", "low", "high", "smoothed"];
const PER_PERSON = {...Object.fromEntries(VALUES.map(name => [name, 1])), box: 4, landmarks: 10};

// The server's rows as objects: it sends the names of their columns once, and a list of values each.
export function named({columns, rows}) {
  return rows.map(values => Object.fromEntries(columns.map((name, i) => [name, values[i]])));
}

function grown(array, size, fill) {
  const larger = new array.constructor(size).fill(fill);
  larger.set(array);
  return larger;
}

// Frames 0..count-1, and of each person arrays by frame: NaN where there is nothing.
export class Curve {
  constructor() {
    this.count = 0;
    this.room = 1024;
    this.times = new Float64Array(this.room);
    this.people = new Map();
    this.turned = new Map();  // degrees clockwise of frames in which people are not upright
  }

  // row: one of named(); frame: its place here.
  add(row, frame = row.frame) {
    if (frame >= this.room) this.grow(frame);
    this.times[frame] = row.media_time_s;
    this.count = Math.max(this.count, frame + 1);
    if (row.turned) this.turned.set(frame, row.turned);
    if (row.person === 0) return;  // nobody in this frame
    if (!this.people.has(row.person)) this.people.set(row.person, this.newPerson(row.person));
    const person = this.people.get(row.person);
    person.face[frame] = FACES.indexOf(row.face);
    if (row.doubt) person.doubt.set(frame, row.doubt);
    for (const name of VALUES) {
      if (row[name] === null) continue;
      person[name][frame] = row[name];
      person.has[name] = true;
    }
    if (row.box) person.box.set(row.box, 4 * frame);
    if (row.landmarks) person.landmarks.set(row.landmarks.flat(), 10 * frame);
  }

  newPerson(number) {
    const person = {number, has: {}, doubt: new Map(), face: new Uint8Array(this.room).fill(NONE)};
    for (const [key, width] of Object.entries(PER_PERSON)) person[key] = new Float32Array(width * this.room).fill(NaN);
    return person;
  }

  grow(frame) {
    this.room = Math.max(2 * this.room, frame + 1);
    this.times = grown(this.times, this.room, 0);
    for (const person of this.people.values()) {
      person.face = grown(person.face, this.room, NONE);
      for (const [key, width] of Object.entries(PER_PERSON)) person[key] = grown(person[key], width * this.room, NaN);
    }
  }

  get end() { return this.count ? this.times[this.count - 1] : 0; }

  // Seconds from frame to frame, usually: their median, as pain/video/tracks.py takes it.
  get step() {
    if (this.count < 2) return 1;
    if (this.stepOf !== this.count) {
      const gaps = this.times.slice(1, this.count).map((time, i) => time - this.times[i]).sort(), n = gaps.length;
      this.stepOf = this.count;
      this.median = (gaps[n >> 1] + gaps[(n - 1) >> 1]) / 2;
    }
    return this.median;
  }

  // For how many seconds a frame is shown; at most LONGEST, or a usual frame's.
  lasts(frame) {
    if (this.count < 2) return 0.02;
    const {step, times} = this;
    return frame + 1 < this.count ? Math.min(times[frame + 1] - times[frame], Math.max(LONGEST, step)) : step;
  }

  // Whether the video pauses after a frame: nothing is known of what lies between it and the next.
  pauses(frame) {
    return frame + 1 < this.count && this.times[frame + 1] - this.times[frame] > Math.max(LONGEST, 2 * this.step);
  }

  // The last frame that begins at or before this time; the first for an earlier one.
  frameAt(time) {
    let low = 0, high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time + 1e-4) low = middle; else high = middle - 1;
    }
    return low;
  }

  // The frame whose time is nearest.
  nearest(time) {
    const before = this.frameAt(time), after = Math.min(before + 1, this.count - 1);
    return this.times[after] - time < time - this.times[before] ? after : before;
  }

  // A moment at which a player surely shows the frame, and no other.
  within(frame) { return this.times[frame] + this.lasts(frame) / 2; }
}

// The frame of the highest intensity among frames first..last; -1 if there is none.
export function apexOf(person, first, last) {
  let apex = -1;
  for (let frame = first; person && frame <= last; frame++) {
    const value = person.intensity[frame];
    if (!Number.isNaN(value) && (apex < 0 || value > person.intensity[apex])) apex = frame;
  }
  return apex;
}

// The frames that have an intensity, those at or above the threshold, and how long these are: [with, above, seconds].
export function countAbove(curve, person, threshold) {
  let all = 0, above = 0, seconds = 0;
  for (let frame = 0; person && frame < curve.count; frame++) {
    if (Number.isNaN(person.intensity[frame])) continue;
    all++;
    if (person.intensity[frame] < threshold) continue;
    above++;
    seconds += curve.lasts(frame);
  }
  return [all, above, seconds];
}
