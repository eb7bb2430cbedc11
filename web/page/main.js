// Puts the parts together: what comes in becomes frames, frames are asked for, the selected one is shown.

import { Asking } from "./asking.js";
import { showAnswer } from "./answer.js";
import { curlCommand } from "./curl.js";
import { byId, bytes, counted, h, say } from "./dom.js";
import { Frames } from "./frames.js";
import { Heat } from "./heat.js";
import { listen, notify } from "./intake.js";
import { askForKey } from "./keys.js";
import { Models } from "./models.js";
import { smallerCopy } from "./pictures.js";
import { reasonNotReady } from "./service.js";
import { Sheet, inWords } from "./sheet.js";
import { showPicture } from "./stage.js";
import { offerThemes } from "./themes.js";

const MOST_BYTES = 100e6; // no service takes more, and some read all of it before they say so
const frames = new Frames();
const asking = new Asking(frames);
const models = new Models(askSelectedAnew);
const heat = new Heat(frames);
const topK = byId("top-k");

function take(files, notice = null) {
  const fit = files.filter((file) => file.size <= MOST_BYTES);
  const tooLarge = files.length - fit.length;
  const skipped = tooLarge ? `${counted(tooLarge, "file")} above ${bytes(MOST_BYTES)} left out.` : null;
  notify(notice ?? skipped);
  if (!fit.length) return;
  const added = fit.map((file) => frames.add(question({ picture: file, name: file.name || "pasted picture", size: file.size })));
  frames.select(added[0]);
  asking.ask(...added);
  if (added.length > 1) say(`${added.length} pictures are asked for.`);
}

const question = (properties) => ({ model: models.model, version: models.version, topK: Number(topK.value), ...properties });

/** Another model or version: the selected picture is asked for once more, as a frame of its own. */
function askSelectedAnew() {
  const { selected } = frames;
  if (!selected?.picture) return show();
  const { picture, name, size, thumbnail, width, height } = selected;
  const frame = frames.add(question({ picture, name, size, thumbnail, width, height }));
  frames.select(frame);
  asking.ask(frame);
}

const deeds = {
  again: () => asking.ask(frames.selected),
  allAgain: () => asking.ask(...frames.retryable()),
  stop: () => asking.stop(frames.selected),
  smaller: async () => {
    const { picture, name } = frames.selected;
    const copy = await smallerCopy(picture);
    if (copy) take([new File([copy], `${name.replace(/\.\w+$/, "")}-smaller.jpg`, { type: copy.type })]);
    else notify("This browser cannot read the picture, and so cannot make a smaller one.");
  },
};

function show() {
  const frame = frames.selected;
  showPicture(frame);
  byId("example").hidden = Boolean(frame) || !models.isShipped;
  showAnswer(frame, { topK: Number(topK.value), deeds, failed: frames.retryable().length });
  heat.show(frame);
  if (frame) byId("command").textContent = curlCommand(frame);
  document.title = frame?.answer ? `${frame.answer.top[0].class_name} · pixserve` : "pixserve";
}

function setTopK(wanted) {
  const most = models.classes ?? Infinity;
  const count = Math.min(Math.max(1, Math.trunc(Number(wanted)) || 1), most);
  topK.value = String(count);
  const frame = frames.selected;
  if (!frame) return;
  const enough = frame.answer?.top.length >= count || frame.answer?.top.length < frame.topK;
  frames.update(frame, { topK: count });
  if (frame.picture && !enough) asking.ask(frame);
}

async function copyCommand() {
  const button = byId("copy");
  try {
    await navigator.clipboard.writeText(byId("command").textContent);
    say("The command is in the clipboard.");
    button.dataset.done = "";
    setTimeout(() => delete button.dataset.done, 1500);
  } catch {
    getSelection().selectAllChildren(byId("command")); // without https the clipboard is closed: one key away
    notify("The browser keeps the clipboard closed here: the command is selected, copy it with Ctrl+C.");
  }
}

/** Lists the models; where that takes a key, the person is asked for one, and again for a wrong one. */
async function loadModels() {
  for (;;) {
    try {
      return await models.load();
    } catch (error) {
      if (!error.needsKey) throw error;
      if (!(await askForKey(error.message))) return notify(error.message);
    }
  }
}

async function tellIfNotReady() {
  const reason = await reasonNotReady();
  if (reason) notify(`The server does not answer yet: ${reason}`);
}

frames.addEventListener("selected", show);
frames.addEventListener("cleared", show);
frames.addEventListener("updated", async ({ detail: frame }) => {
  if (frame === frames.selected || frames.selected?.error) show();
  if (frame.error?.needsKey && (await askForKey(frame.error.message))) {
    const refused = frames.list.filter((other) => other.picture && other.error?.needsKey);
    await loadModels();
    asking.ask(...refused);
  }
});
frames.addEventListener("updated", ({ detail: frame }) => {
  const { open } = asking;
  if (frame === frames.selected && ["answered", "failed"].includes(frame.state)) say(`${frame.name}: ${inWords(frame)}`);
  else if (!open && frames.list.length > 1) say(byId("sheet-count").textContent);
});

new Sheet(frames, (frame) => frames.select(frame));
listen(take);
offerThemes();
byId("fewer").addEventListener("click", () => setTopK(Number(topK.value) - 1));
byId("more").addEventListener("click", () => setTopK(Number(topK.value) + 1));
topK.addEventListener("change", () => setTopK(topK.value));
byId("copy").addEventListener("click", copyCommand);
byId("stop").addEventListener("click", () => asking.stop());
byId("again").addEventListener("click", deeds.allAgain);
byId("clear").addEventListener("click", () => {
  asking.stop();
  frames.clear();
  byId("choose").focus();
});
byId("example").addEventListener("click", async () => {
  const response = await fetch("page/example.jpg");
  take([new File([await response.blob()], "cat.jpg", { type: "image/jpeg" })]);
});
show();
await loadModels();
show();
await tellIfNotReady();
document.body.dataset.ready = "";
