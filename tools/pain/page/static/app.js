// The page: a video sent to this server and its curve as it comes back, the two in step; or the camera's, live.
import {startCamera, stopCamera} from "./camera.js";
import {drawPicture} from "./drawing.js";
import {ask, fail, get, guarded, save} from "./elements.js";
import {cancel, comeBack, follow, leave, send, showMode} from "./jobs.js";
import "./plot_controls.js";
import {useLabels} from "./reading.js";
import {ENDED, page, stem} from "./state.js";
import {plural, size} from "./words.js";

// The buttons.

get("error").querySelector("button").addEventListener("click", () => fail(""));
get("mode-video").addEventListener("click", comeBack);
get("mode-camera").addEventListener("click", () => {
  if (page.upload) page.upload.abort();
  showMode("camera");
});
get("choose").addEventListener("click", () => get("file").click());
get("file").addEventListener("change", event => {
  if (event.target.files.length) send(event.target.files[0]);
  event.target.value = "";
});
get("take-sample").addEventListener("click", guarded(async () => follow(await ask("/api/sample", {method: "POST"}))));
get("cancel").addEventListener("click", cancel);
get("another").addEventListener("click", leave);
get("camera-start").addEventListener("click", guarded(startCamera));
get("camera-stop").addEventListener("click", () => {
  stopCamera();
  get("camera-start").focus();
});
get("load-labels").addEventListener("click", () => get("labels").click());
get("labels").addEventListener("change", guarded(async event => {
  const file = event.target.files[0];
  if (!file) return;
  event.target.value = "";
  await useLabels(file, file.name);
}));
get("save-png").addEventListener("click", () =>
  drawPicture().toBlob(blob => save(blob, stem(page.job.name) + ".curve.png")));

// A file may be dropped anywhere; what is dropped must never be opened in the page's place.

let entered = 0;
addEventListener("dragenter", () => { entered++; get("drop").classList.add("over"); });
addEventListener("dragleave", () => { if (--entered <= 0) get("drop").classList.remove("over"); });
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", event => {
  event.preventDefault();
  entered = 0;
  get("drop").classList.remove("over");
  const {files: [file, second], items: [item]} = event.dataTransfer, {job, live} = page;
  if (!file) return;
  const entry = item.webkitGetAsEntry && item.webkitGetAsEntry();
  if (second || entry && entry.isDirectory) fail("Drop one file at a time, and no folder.");
  else if (live) fail("The camera is on; stop it first.");
  else if (/\.(csv|tsv|txt)$/i.test(file.name) && job) guarded(useLabels)(file, file.name);
  else if (!job || ENDED.includes(job.state)) send(file);
  else fail("A video is under way; cancel it first.");
});
addEventListener("pagehide", stopCamera);

// The beginning: what the server is, and the video that the address names.

guarded(async () => {
  const about = page.about = await ask("/api");
  get("limits").textContent = `${about.kinds}, at most ${size(about.most_bytes)}. It stays on this server, and is `
    + `removed ${plural(Math.ceil(about.keep_minutes), "minute")} after its last use.`;
  get("take-sample").hidden = !about.sample;
  showMode("video");
  document.documentElement.dataset.drawn = "yes";
  const id = location.hash.slice(1);
  if (!id) return;
  history.replaceState(null, "", location.pathname);
  await follow(await ask("/api/jobs/" + encodeURIComponent(id)));
})();
