// The player of the shown video, with which the reading keeps in step.
import {setAspect} from "./drawing.js";
import {get} from "./elements.js";
import {show} from "./reading.js";

const video = get("video");

// Show a job's video from its beginning.
export function load(job) {
  get("unplayable").hidden = true;
  video.hidden = false;
  setAspect(job);
  video.src = `/api/jobs/${job.id}/video`;
}

export function unload() {
  video.removeAttribute("src");
  video.load();
}

// Call gone() where the video can be neither played nor found; it may only be of a kind that the browser cannot play.
export function whenUnplayable(gone) {
  video.addEventListener("error", () => {
    if (!video.getAttribute("src")) return;
    video.hidden = true;
    get("unplayable").hidden = false;
    gone();
  });
}

video.addEventListener("loadedmetadata", () => {
  if (video.videoWidth) setAspect({width: video.videoWidth, height: video.videoHeight});
});

const presented = (_, data) => {
  if (!video.seeking) show(data.mediaTime);
  video.requestVideoFrameCallback(presented);
};
if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(presented);
else video.addEventListener("timeupdate", () => { if (!video.seeking) show(video.currentTime); });
video.addEventListener("seeked", () => show(Math.max(0, video.currentTime)));
