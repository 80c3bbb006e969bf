// Videos on their way to the server, one after the other in the order in which they were given.
import {fail, say} from "./elements.js";
import {chosenOptions} from "./options.js";
import {page} from "./state.js";
import {plural, size} from "./words.js";

const AGAIN = 3000;  // milliseconds until a server that is full is asked once more
let told = () => {};  // of each change: (upload, job or null once it has ended)

// Who wants to know: changed(upload, job). job: what the server says of it, null if it came to nothing, else undefined.
export function whenUploading(changed) {
  told = changed;
}

// Let files follow those that are on their way. Returns what was begun with them, a list.
export function send(files) {
  const most = page.about.most_bytes, large = files.filter(file => file.size > most);
  fail(large.length ? `${large.map(file => `${file.name}: ${size(file.size)}`).join(", ")}; at most ${size(most)} are taken `
    + "here; cut it, or begin the page with a higher limit (--max-mb)." : "");
  const uploads = files.filter(file => file.size <= most).map(file => ({name: file.name, file, state: "to send", sent: 0,
    done: 0, total: null, options: chosenOptions(), request: null}));
  page.uploads.push(...uploads);
  if (uploads.length > 1) say(`${plural(uploads.length, "video")} in the queue`);
  sendNext();
  return uploads;
}

function sendNext() {
  const [upload] = page.uploads;
  if (!upload || upload.state !== "to send") return;
  upload.state = "sending";
  const request = upload.request = new XMLHttpRequest();  // fetch() cannot say how much has gone
  request.open("PUT", `/api/jobs?name=${encodeURIComponent(upload.name)}&options=${encodeURIComponent(upload.options)}`);
  request.responseType = "json";
  request.upload.onprogress = event => {
    upload.sent = event.loaded;
    told(upload);
  };
  request.onloadend = () => ended(upload);
  request.send(upload.file);
  told(upload);
}

function ended(upload) {
  const {request: {status, response}, file} = upload;
  if (status === 503 && upload.state === "sending") {
    Object.assign(upload, {state: "to send", sent: 0});
    setTimeout(sendNext, AGAIN);
    return told(upload);
  }
  page.uploads = page.uploads.filter(other => other !== upload);
  told(upload, status === 201 ? response : null);
  if (status !== 201 && upload.state !== "cancelled") {
    fail((response && response.error) || `${file.name}: ` + (status ? `the server answers ${status}.`
      : "could not be sent; see whether the server still runs in its terminal."));
  }
  sendNext();
}

// Take an upload out of the queue, or stop it.
export function cancelUpload(upload) {
  const underWay = upload.state === "sending";
  upload.state = "cancelled";
  if (underWay) return upload.request.abort();
  page.uploads = page.uploads.filter(other => other !== upload);
  told(upload, null);
}

// Let an upload that has not begun have another place in the queue.
export function moveUpload(upload, by) {
  const from = page.uploads.indexOf(upload), to = from + by, first = page.uploads[0].state === "sending" ? 1 : 0;
  if (from < first || to < first || to >= page.uploads.length) return;
  page.uploads.splice(to, 0, ...page.uploads.splice(from, 1));
  told(upload);
}

addEventListener("beforeunload", event => {
  if (page.uploads.length) event.preventDefault();  // the browser asks
});
