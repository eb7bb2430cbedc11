// The heat map beside the picture: which parts of it spoke for the answer, red, and which against it, blue.

import { byId, h, say } from "./dom.js";
import { address, pictureForm, post } from "./service.js";

const SIDE = 640; // of the drawing, in pixels
const TIME_OUT_MS = 180_000; // explanations get only the time that predictions leave
const FOR = [214, 48, 28];
const AGAINST = [38, 98, 214];
const STRONGEST = 0.8; // opacity
const METHODS = { occlusion: "by covering parts", integrated_gradients: "by gradients" };
const DEFAULT = "occlusion"; // takes any network
const PLACES = ["upper left", "top", "upper right", "left", "centre", "right", "lower left", "bottom", "lower right"];

/** The button, the figure, and what is known of each frame. */
export class Heat {
  #known = new Map(); // frame → {document} | {error} | {asked}
  #without = new Map(); // model → why the server explains nothing of it
  #wanted = false; // once asked for, the map is shown for other frames where it is known
  #method = DEFAULT;

  constructor(frames) {
    this.frames = frames;
    byId("explain").addEventListener("click", () => this.#toggle());
    frames.addEventListener("cleared", () => this.#known.clear());
  }

  /** Shows what is known for a frame; null where there is none. */
  show(frame) {
    const known = this.#known.get(frame);
    const without = frame && this.#without.get(frame.model);
    const possible = frame?.picture && frame.answer && !without;
    byId("explain").hidden = !possible;
    byId("explain").setAttribute("aria-pressed", String(Boolean(known && this.#wanted)));
    byId("no-heat").hidden = !without || !frame.answer;
    byId("no-heat").textContent = without ?? "";
    const shown = Boolean(possible && known && this.#wanted);
    byId("heat").hidden = !shown;
    if (shown && this.drawn !== known) byId("heat").replaceChildren(...this.#figure(frame, known));
    this.drawn = shown ? known : null;
  }

  #toggle() {
    const frame = this.frames.selected;
    const known = this.#known.get(frame);
    this.#wanted = !known || known.error !== undefined || !this.#wanted;
    if (this.#wanted && !known?.document && !known?.asked) this.#ask(frame);
    else this.show(frame);
  }

  async #ask(frame) {
    const asked = { asked: true };
    this.#learn(frame, asked);
    say("The heat map is computed.");
    const form = pictureForm(frame.picture);
    form.append("method", this.#method);
    const version = frame.answer.model_version;
    const url = address("explanations", frame.model, version);
    let learned;
    try {
      learned = { document: await post(url, form, { size: frame.picture.size, timeOutMs: TIME_OUT_MS }) };
      if (!Array.isArray(learned.document.heat_map?.[0])) learned = { error: { message: "The answer holds no heat map." } };
    } catch (error) {
      learned = { error };
    }
    if (this.#known.get(frame) !== asked) return; // cleared, or asked for by another method
    if (learned.error?.type === "MethodUnavailable" && this.#method !== DEFAULT) this.#method = DEFAULT; // for the next time
    else if (isWithout(learned.error)) {
      this.#without.set(frame.model, reasonWithout(learned.error));
      this.#known.delete(frame);
      say(this.#without.get(frame.model));
      return this.show(this.frames.selected);
    }
    this.#learn(frame, learned);
    if (frame === this.frames.selected) say(learned.error?.message ?? inWords(learned.document));
  }

  #learn(frame, known) {
    this.#known.set(frame, known);
    if (frame === this.frames.selected) this.show(frame);
  }

  #figure(frame, { document: explained, error }) {
    if (error) return [tile(error.message)];
    if (!explained) return [tile("Computing… it takes what time the predictions leave.", "busy")];
    const canvas = h("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": inWords(explained) });
    draw(canvas, explained.heat_map, frame.picture);
    const method = h("select", { "aria-label": "Method" }, ...Object.entries(METHODS).map(([value, text]) => h("option", { value }, text)));
    method.value = explained.method;
    method.addEventListener("change", () => {
      this.#method = method.value;
      this.#ask(frame);
    });
    const legend = h("span", { className: "legend" }, "against", h("i", { "aria-hidden": "true" }), h("bdi", {}, `for ${explained.class_name}`));
    return [h("div", { className: "print" }, canvas), h("figcaption", {}, legend, method)];
  }
}

const tile = (text, className = "") => h("div", { className: "print" }, h("div", { className: `tile ${className}` }, h("span", {}, text)));

/** Whether the server explains nothing at all, rather than not this picture now. */
function isWithout(error) {
  if (!error) return false;
  if (error.type === "MethodUnavailable") return true;
  return [404, 405, 501].includes(error.code) && !/^Model/.test(error.type);
}

const reasonWithout = (error) =>
  error.type === "MethodUnavailable" ? `No heat map: ${error.message}` : "This server has no heat maps.";

function inWords({ class_name: name, heat_map: map }) {
  const sums = PLACES.map(() => 0);
  map.forEach((row, y) => row.forEach((value, x) => {
    sums[3 * Math.floor((3 * y) / map.length) + Math.floor((3 * x) / row.length)] += value;
  }));
  return `Heat map: the ${PLACES[sums.indexOf(Math.max(...sums))]} of the square spoke most for ${name}.`;
}

async function draw(canvas, map, picture) {
  const context = canvas.getContext("2d");
  context.fillStyle = "#8a8d8c"; // under the map of a picture that this browser cannot show
  context.fillRect(0, 0, SIDE, SIDE);
  const bitmap = await createImageBitmap(picture).catch(() => null);
  if (bitmap) {
    const side = Math.min(bitmap.width, bitmap.height);
    context.filter = "grayscale(1)";
    context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
    context.filter = "none";
    bitmap.close();
  }
  context.imageSmoothingQuality = "high";
  context.filter = `blur(${SIDE / 64}px)`; // single pixels of a gradient are no help to a reader
  context.drawImage(coloured(map), 0, 0, SIDE, SIDE);
  context.filter = "none";
}

/** The map as a canvas of its own size: colour by sign, opacity by strength. */
function coloured(map) {
  const [height, width] = [map.length, map[0].length];
  const strengths = map.flat().map(Math.abs).sort((a, b) => a - b);
  const scale = strengths[Math.floor(0.99 * (strengths.length - 1))] || 1;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  map.flat().forEach((value, index) => {
    const opacity = Math.min(Math.abs(value) / scale, 1) * STRONGEST;
    image.data.set([...(value > 0 ? FOR : AGAINST), 255 * opacity], 4 * index);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
