// The contact sheet: a thumbnail a question, in order, with its answer on the film's edge.

import { byId, counted, h, percent } from "./dom.js";

/** Draws the frames and keeps up with them; `select(frame)` is called for the one that is clicked. */
export class Sheet {
  #items = new Map();

  constructor(frames, select) {
    this.frames = frames;
    this.select = select;
    this.list = byId("frames");
    this.list.addEventListener("keydown", (event) => this.#move(event));
    frames.list.forEach((frame) => this.#add(frame));
    frames.addEventListener("added", ({ detail }) => this.#add(detail));
    frames.addEventListener("updated", ({ detail }) => this.#draw(detail));
    frames.addEventListener("selected", () => this.#mark());
    frames.addEventListener("cleared", () => this.#clear());
    this.#mark();
    this.count();
  }

  /** Says how many there are, and how they ended. */
  count() {
    const { list } = this.frames;
    const ended = (state) => list.filter((frame) => frame.state === state).length;
    const open = ended("waiting") + ended("asking");
    byId("sheet").hidden = !list.length;
    byId("sheet-count").textContent = [
      counted(list.length, "picture"),
      open ? `${open} to go` : null,
      ended("failed") ? `${ended("failed")} without an answer` : null,
      ended("stopped") ? `${ended("stopped")} stopped` : null,
    ].filter(Boolean).join(" · ");
    byId("stop").hidden = open < 2;
    byId("again").hidden = open > 0 || !this.frames.retryable().length;
  }

  #add(frame) {
    const button = h("button", { type: "button", className: "frame", onclick: () => this.select(frame) });
    const item = h("li", {}, button);
    this.#items.set(frame, button);
    this.list.append(item);
    this.#draw(frame);
  }

  #draw(frame) {
    const button = this.#items.get(frame);
    if (!button) return;
    button.dataset.state = frame.state;
    button.replaceChildren(
      frame.thumbnail ? h("img", { src: frame.thumbnail, alt: "" }) : h("span", { className: "blank" }, extension(frame)),
      h("span", { className: "print-edge" }, h("bdi", { className: "what" }, shortly(frame)), h("span", {}, detail(frame))),
    );
    button.setAttribute("aria-label", `${frame.id}. ${frame.name}: ${inWords(frame)}`);
    this.count();
  }

  #mark() {
    for (const [frame, button] of this.#items) {
      const selected = frame === this.frames.selected;
      if (selected) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
      if (selected) showWithin(this.list, button);
    }
  }

  #clear() {
    this.#items.clear();
    this.list.replaceChildren();
    this.count();
  }

  #move(event) {
    const buttons = [...this.list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    buttons[Math.min(Math.max(to, 0), buttons.length - 1)].focus();
  }
}

/** Scrolls the list, never the page. */
function showWithin(list, button) {
  const { top, bottom } = button.getBoundingClientRect();
  const view = list.getBoundingClientRect();
  if (top < view.top) list.scrollTop -= view.top - top;
  else if (bottom > view.bottom) list.scrollTop += bottom - view.bottom;
}

const extension = ({ name }) => (/\.(\w{1,5})$/.exec(name)?.[1] ?? "?").toUpperCase();

function shortly({ state, answer, error }) {
  if (state === "answered") return answer.top[0].class_name;
  return { waiting: "waits", asking: "…", failed: error?.type, stopped: "stopped" }[state];
}

const detail = ({ state, answer, error }) =>
  state === "answered" ? percent(answer.top[0].probability) : state === "failed" ? error.code ?? "" : "";

/** The frame's answer as a sentence, for those who listen. */
export function inWords({ state, answer, error }) {
  if (state === "answered") {
    const { class_name: name, probability } = answer.top[0];
    return `${name}, ${percent(probability)}, version ${answer.model_version}`;
  }
  if (state === "failed") return `no answer, ${[error.code, error.type].filter(Boolean).join(" ")}: ${error.message}`;
  return { waiting: "waits", asking: "is being asked", stopped: "stopped" }[state];
}
