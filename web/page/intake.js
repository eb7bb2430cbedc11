// How pictures come in: dropped, pasted, chosen, taken. Each way ends in `take(files)`.

import { byId, h, say } from "./dom.js";
import { takePhoto } from "./camera.js";

const MOST_FILES = 500;

/** Listens for pictures; `take(files, notice)` gets those that came, and a sentence where something was left out. */
export function listen(take) {
  const choose = byId("files");
  const capture = byId("capture");
  byId("choose").addEventListener("click", () => choose.click());
  for (const input of [choose, capture]) {
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = ""; // the same file may be chosen again
    });
  }
  offerPhoto(capture, take);
  listenForDrops(take);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (isTyping(event.target) && !files.length) return;
    event.preventDefault();
    take(files, files.length ? null : "The clipboard holds no picture: copy a picture, not its address.");
  });
}

function offerPhoto(capture, take) {
  const button = byId("photo");
  const phone = matchMedia("(pointer: coarse)").matches;
  const camera = Boolean(navigator.mediaDevices?.getUserMedia); // absent without https, but on localhost
  button.hidden = !phone && !camera;
  button.addEventListener("click", async () => {
    if (phone) capture.click();
    else {
      const photo = await takePhoto();
      if (photo) take([photo]);
    }
  });
}

function listenForDrops(take) {
  const root = document.documentElement;
  let depth = 0; // dragenter and dragleave come for each element passed
  const over = (by) => {
    depth = Math.max(0, depth + by);
    root.toggleAttribute("data-dragging", depth > 0);
  };
  addEventListener("dragenter", () => over(+1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    over(0);
    const files = await dropped(event.dataTransfer);
    take(files, files.length ? null : "No file came along: save the picture first, then drop the file.");
  });
}

/** The files of a drop; those inside dropped folders too. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) await collect(entry, files);
  return files;
}

async function collect(entry, files) {
  if (files.length > MOST_FILES || entry.name.startsWith(".")) return;
  if (entry.isFile) {
    files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 a call
    if (!some.length) return;
    for (const each of some) await collect(each, files);
  }
}

const isTyping = (target) => target instanceof HTMLElement && target.matches("input, textarea, select");

/** Shows one sentence above the page until the next picture comes; null takes it away. */
export function notify(sentence) {
  const notice = byId("notice");
  notice.hidden = !sentence;
  notice.replaceChildren(...(sentence ? [h("span", { dir: "auto" }, sentence)] : []));
  if (sentence) say(sentence);
}
