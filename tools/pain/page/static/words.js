// Numbers, sizes and times as people read them, and how far a video is.
export const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
export const number = (value, digits = 2) => Number.isNaN(value) ? "\u2013" : value.toFixed(digits);

export function size(bytes) {
  return bytes < 1e6 ? Math.ceil(bytes / 1e3) + " kB" : bytes < 1e9 ? (bytes / 1e6).toFixed(1) + " MB"
    : (bytes / 1e9).toFixed(2) + " GB";
}

// Seconds as min:s.
export function clock(seconds, digits = 0) {
  const tens = 10 ** digits, whole = Math.round(Math.max(0, seconds) * tens) / tens;
  const rest = (whole % 60).toFixed(digits);
  return `${Math.floor(whole / 60)}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

// The share of a job's frames that are estimated, or of an upload's bytes that have gone, 0..1.
export function shareOf({id, done, total, sent, file}) {
  if (!id) return sent / Math.max(1, file.size);
  return total ? done / total : 0;
}

// How far a job or an upload is.
export function stateWords({state, before, done, total, rate, eta, sent, file}) {
  const of = total ? ` of ${total.toLocaleString("en")}` : "";
  switch (state) {
    case "to send": return "to be sent";
    case "sending": return sent < file.size ? `sending, ${size(sent)} of ${size(file.size)}` : "looking into it";
    case "waiting": return before ? `waiting, ${plural(before, "video")} before this one` : "waiting";
    case "running": return `${done.toLocaleString("en")}${of} frames`
      + (rate ? `, ${rate.toFixed(rate < 10 ? 1 : 0)} a second` : "")
      + (eta === null || eta === undefined ? "" : `, about ${clock(eta)} left`);
    case "failed": return `failed after ${plural(done, "frame")}`;
    case "removed": return `${plural(done, "frame")}, removed from the server`;
    case "cancelled": return "cancelled";
    default: return plural(done, "frame");
  }
}
