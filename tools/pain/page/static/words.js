// Numbers, sizes and times as people read them.
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
