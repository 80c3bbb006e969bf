// The page: videos sent to this server and their curves as they come back, each in step with its video; or the camera's.
import {startCamera, stopCamera} from "./camera.js";
import {drawPicture} from "./drawing.js";
import {ask, element, fail, get, guarded, save} from "./elements.js";
import {comeBack, follow, leave, open, showMode} from "./job.js";
import {chosenOptions, showOptions} from "./options.js";
import {layFile} from "./over.js";
import "./plot_controls.js";
import {cancel, refresh, take} from "./queue.js";
import {useLabels} from "./reading.js";
import {page, stem} from "./state.js";
import {plural, size} from "./words.js";

// The buttons.

get("error").querySelector("button").addEventListener("click", () => fail(""));
get("mode-video").addEventListener("click", comeBack);
get("mode-camera").addEventListener("click", () => showMode("camera"));
get("choose").addEventListener("click", () => get("file").click());
get("file").addEventListener("change", event => {
  take([...event.target.files]);
  event.target.value = "";
});
get("take-sample").addEventListener("click", guarded(async () => {
  await follow(await ask("/api/sample?options=" + encodeURIComponent(chosenOptions()), {method: "POST"}));
}));
get("cancel").addEventListener("click", guarded(() => cancel(page.job)));
get("another").addEventListener("click", () => {
  leave();
  refresh();
});
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
  await useLabels(file);
}));
get("save-png").addEventListener("click", () =>
  drawPicture().toBlob(blob => save(blob, stem(page.job.name) + ".curve.png")));
get("save-annotated").addEventListener("click", guarded(async event => {
  const {id, name} = page.job, button = event.target, usual = button.textContent;
  Object.assign(button, {disabled: true, textContent: "making annotated.mp4\u2026"});
  try {
    await ask(`/api/jobs/${id}/annotated`, {method: "POST"});
  } finally {
    Object.assign(button, {disabled: false, textContent: usual});
  }
  element("a", "", {href: `/api/jobs/${id}/annotated.mp4`, download: stem(name) + ".annotated.mp4"}).click();
}));

// Files may be dropped anywhere; what is dropped must never be opened in the page's place.

let entered = 0;
addEventListener("dragenter", () => { entered++; get("drop").classList.add("over"); });
addEventListener("dragleave", () => { if (--entered <= 0) get("drop").classList.remove("over"); });
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", event => {
  event.preventDefault();
  entered = 0;
  get("drop").classList.remove("over");
  const files = [...event.dataTransfer.files], [first] = files, {job, live} = page;
  const folder = [...event.dataTransfer.items].some(item => {
    const entry = item.webkitGetAsEntry && item.webkitGetAsEntry();
    return entry && entry.isDirectory;
  });
  if (!first) return;
  if (folder) fail("Drop files, and no folder.");
  else if (live) fail("The camera is on; stop it first.");
  else if (/\.(csv|tsv|txt|eaf)$/i.test(first.name) && job && job.id) guarded(putBeside)(first);
  else take(files);
});

// A table to the shown video: a curve over it, or labels.
async function putBeside(file) {
  const [header] = (await file.slice(0, 4096).text()).split(/\r?\n/);
  await (/\bmedia_time_s\b.*\bintensity\b/.test(header) ? layFile : useLabels)(file);
}

addEventListener("pagehide", stopCamera);

// The beginning: what the server is, and the video that the address names.

guarded(async () => {
  const about = page.about = await ask("/api");
  get("limits").textContent = `${about.kinds}, at most ${size(about.most_bytes)} each. They stay on this server, and are `
    + `removed ${plural(Math.ceil(about.keep_minutes), "minute")} after their last use.`;
  get("take-sample").hidden = !about.sample;
  showOptions();
  showMode("video");
  await refresh();
  document.documentElement.dataset.drawn = "yes";
  const id = location.hash.slice(1);
  if (!id) return;
  history.replaceState(null, "", location.pathname);
  await open(id);
})();
