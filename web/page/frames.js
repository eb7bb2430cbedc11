// The frames of this session: one a question, with its picture, its answer or its refusal. Thumbnails and answers
// outlive a reload in sessionStorage; the pictures themselves do not.

const STORED = "frames";
const MOST_STORED = 120;

/**
 * A frame: `{id, name, size, picture, model, version, topK, state, answer, error, ms, thumbnail, ratio, width, height}`.
 * `picture` is the file (null after a reload), `state` one of waiting, asking, answered, failed, stopped.
 */
export class Frames extends EventTarget {
  constructor() {
    super();
    this.list = restored();
    this.next = 1 + Math.max(0, ...this.list.map((frame) => frame.id));
    this.selected = this.list.at(-1) ?? null;
  }

  add(properties) {
    const frame = { id: this.next++, state: "waiting", answer: null, error: null, thumbnail: null, ...properties };
    this.list.push(frame);
    this.#changed("added", frame);
    return frame;
  }

  update(frame, properties) {
    if (!this.list.includes(frame)) return; // cleared meanwhile
    Object.assign(frame, properties);
    this.#changed("updated", frame);
  }

  select(frame) {
    this.selected = frame;
    this.#changed("selected", frame);
  }

  clear() {
    this.list = [];
    this.selected = null;
    this.#changed("cleared", null);
  }

  /** Frames that may be asked again, now: their picture is at hand, and what failed was not the picture. */
  retryable() {
    return this.list.filter((frame) => frame.picture && (frame.state === "stopped" || frame.error?.again));
  }

  #changed(what, frame) {
    this.#store();
    this.dispatchEvent(new CustomEvent(what, { detail: frame }));
  }

  #store() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => store(this.list), 200);
  }
}

function store(list) {
  const kept = list.filter((frame) => ["answered", "failed"].includes(frame.state)).slice(-MOST_STORED);
  for (let from = 0; from <= kept.length; from += Math.max(1, Math.ceil((kept.length - from) / 2))) {
    try {
      sessionStorage.setItem(STORED, JSON.stringify(kept.slice(from).map(storable)));
      return;
    } catch (fault) {
      if (fault.name !== "QuotaExceededError") throw fault; // too much: the older half goes
    }
  }
}

function storable({ picture, error, ...frame }) {
  if (!error) return { ...frame, error: null };
  const { code, type, message, again } = error;
  return { ...frame, error: { code, type, message, again } };
}

function restored() {
  const list = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
  return list.map((frame) => ({ ...frame, picture: null }));
}
