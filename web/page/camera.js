// A photo by the computer's camera. Phones use their own camera instead (`capture` of index.html).

import { byId } from "./dom.js";

const REASONS = {
  NotAllowedError: "The browser was not allowed to use the camera: allow it beside the address, then try again.",
  NotFoundError: "This computer has no camera.",
  NotReadableError: "The camera is used by another program.",
};

/** A photo as a file, or null where none was taken. */
export async function takePhoto() {
  const dialog = byId("camera");
  const video = byId("viewfinder");
  const says = byId("camera-says");
  const shutter = byId("shutter");
  const close = byId("camera-close");
  shutter.disabled = true;
  says.textContent = "Waiting for the camera…";
  dialog.showModal();
  const ended = new AbortController();
  const decided = new Promise((resolve) => {
    shutter.addEventListener("click", () => resolve(true), { signal: ended.signal });
    close.addEventListener("click", () => resolve(false), { signal: ended.signal });
    dialog.addEventListener("close", () => resolve(false), { signal: ended.signal });
  });
  let stream = null;
  const opening = open(video).then(
    (opened) => {
      stream = opened;
      if (ended.signal.aborted) return stop(stream); // closed before the camera was ready
      says.textContent = "";
      shutter.disabled = false;
      shutter.focus();
    },
    (fault) => {
      says.textContent = REASONS[fault.name] ?? `The camera cannot be used (${fault.message}).`;
    },
  );
  const taken = await decided;
  const photo = taken ? await snapshot(video) : null;
  ended.abort();
  dialog.close();
  opening.then(() => stream && stop(stream));
  video.srcObject = null;
  return photo;
}

async function open(video) {
  const wanted = { video: { facingMode: "environment", width: { ideal: 1920 } } };
  const stream = await navigator.mediaDevices.getUserMedia(wanted);
  video.srcObject = stream;
  await video.play();
  return stream;
}

const stop = (stream) => stream.getTracks().forEach((track) => track.stop());

async function snapshot(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return new File([blob], "photo.jpg", { type: "image/jpeg" });
}
