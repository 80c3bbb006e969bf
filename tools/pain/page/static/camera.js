// The camera: a picture to the server, its rows back, and the curve of the last minute.
import {Curve, named} from "./curve.js";
import {redraw, setAspect} from "./drawing.js";
import {element, fail, get} from "./elements.js";
import {show, showNewRows} from "./reading.js";
import {LIVE, page, putAside} from "./state.js";

const LARGEST = 640;  // pixels of a picture that is sent, either way
const picture = get("picture");

export async function startCamera() {
  try {
    await start();
  } catch (error) {
    stopCamera();
    throw error;
  }
}

async function start() {
  fail("");
  if (!navigator.mediaDevices) throw new Error("A browser gives its camera only to pages of 127.0.0.1 or by https.");
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: {ideal: 640}, height: {ideal: 480}}})
    .catch(error => { throw new Error(`The browser gives no camera (${error.message}); allow it, or plug one in.`); });
  const mine = page.live = {stream, socket: null, rows: [], width: 0, height: 0};
  putAside();
  picture.srcObject = stream;
  await picture.play();
  if (page.live !== mine) return;
  converse(mine);
  stream.getVideoTracks()[0].addEventListener("ended", () => { if (page.live === mine) stopCamera(); });
  get("camera-start").hidden = true;
  get("camera-stop").hidden = get("view").hidden = false;
  setAspect({width: picture.videoWidth, height: picture.videoHeight});
  get("camera-stop").focus();
  show(0);
  redraw();
}

// Send pictures, one when the answer to the last one is here.
function converse(mine) {
  const socket = mine.socket = new WebSocket(new URL("/api/live", location.href.replace(/^http/, "ws")));
  const {videoWidth, videoHeight} = picture, small = element("canvas", "");
  const scale = Math.min(1, LARGEST / Math.max(videoWidth, videoHeight));
  small.width = videoWidth * scale;
  small.height = videoHeight * scale;
  const sendPicture = () => {
    if (page.live !== mine || socket.readyState !== WebSocket.OPEN) return;
    small.getContext("2d").drawImage(picture, 0, 0, small.width, small.height);
    small.toBlob(blob => { if (page.live === mine) socket.send(blob); }, "image/jpeg", 0.9);
  };
  socket.addEventListener("open", sendPicture);
  socket.addEventListener("message", event => {
    if (page.live !== mine) return;
    const answer = JSON.parse(event.data);
    if (answer.error || mine.failed) fail(answer.error || "");
    mine.failed = Boolean(answer.error);
    if (!mine.failed) addRows(answer);
    requestAnimationFrame(sendPicture);
  });
  socket.addEventListener("close", () => {
    if (page.live !== mine) return;
    stopCamera();
    fail("The server has ended the camera's connection; see its terminal, and start the camera again.");
  });
}

function addRows(answer) {
  const {live} = page;
  Object.assign(live, {width: answer.width, height: answer.height});
  live.rows = live.rows.filter(({time}) => time > answer.time - LIVE);
  live.rows.push({time: answer.time, rows: named(answer)});
  page.curve = new Curve();  // of the last minute only, so that it does not grow
  live.rows.forEach(({rows}, i) => rows.forEach(row => page.curve.add(row, i)));
  showNewRows();
  show(answer.time);
  redraw();
}

// Stop it; what was wrong with it goes with it.
export function stopCamera() {
  if (page.live) {
    fail("");
    const {stream, socket} = page.live;
    page.live = null;
    if (socket) socket.close();
    stream.getTracks().forEach(track => track.stop());
    picture.srcObject = null;
  }
  get("camera-start").hidden = false;
  get("camera-stop").hidden = true;
}
