// Asks the server for each frame: two at a time, in order; waits where the server asks for a pause.

import { predict } from "./service.js";
import { thumbnail } from "./pictures.js";

const AT_ONCE = 2;
const MOST_PAUSES = 5;
const LONGEST_PAUSE_MS = 30_000;

export class Asking {
  #queue = [];
  #running = new Map();

  constructor(frames) {
    this.frames = frames;
  }

  /** Frames that are not yet answered. */
  get open() {
    return this.#queue.length + this.#running.size;
  }

  ask(...frames) {
    for (const frame of frames) {
      this.#running.get(frame)?.abort();
      this.#running.delete(frame);
      this.#queue = this.#queue.filter((other) => other !== frame);
      this.#queue.push(frame);
      this.frames.update(frame, { state: "waiting", error: null });
    }
    this.#fill();
  }

  /** Stops asking for one frame, or for all; what was answered stays. */
  stop(frame = null) {
    const stopped = frame ? [frame] : [...this.#queue, ...this.#running.keys()];
    this.#queue = this.#queue.filter((waiting) => !stopped.includes(waiting));
    for (const each of stopped) {
      this.#running.get(each)?.abort();
      this.#running.delete(each);
      this.frames.update(each, { state: "stopped" });
    }
    this.#fill();
  }

  #fill() {
    while (this.#running.size < AT_ONCE && this.#queue.length) this.#run(this.#queue.shift());
  }

  async #run(frame) {
    const controller = new AbortController();
    this.#running.set(frame, controller);
    this.frames.update(frame, { state: "asking", askedAt: performance.now() });
    const shown = frame.thumbnail ? {} : thumbnail(frame.picture).then((made) => this.frames.update(frame, made));
    const result = await this.#result(frame, controller.signal);
    await shown;
    if (controller.signal.aborted) return; // stopped, or asked again: another run owns the frame
    this.#running.delete(frame);
    this.frames.update(frame, result);
    this.#fill();
  }

  async #result(frame, signal) {
    for (let pauses = 0; ; pauses += 1) {
      const startMs = performance.now();
      try {
        const answer = await predict({ ...frame, signal });
        return { state: "answered", answer, ms: performance.now() - startMs };
      } catch (error) {
        if (signal.aborted) return null;
        if (error.pauseMs === null || error.pauseMs > LONGEST_PAUSE_MS || pauses === MOST_PAUSES) {
          return { state: "failed", error };
        }
        await new Promise((resume) => setTimeout(resume, error.pauseMs));
        if (signal.aborted) return null;
      }
    }
  }
}
