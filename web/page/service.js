// The public HTTP contract, on the page's own address: predictions, explanations, and which models there are.

import { bytes } from "./dom.js";

const TIME_OUT_MS = 60_000;
const KEY = "key";

/**
 * What went wrong, in the service's own words where it has any: `code` (HTTP status, or null where none came), `type`,
 * `message`. `again` says whether the same question may be answered later, `pauseMs` for how long the server asks to wait.
 */
export class ServiceError extends Error {
  constructor({ code, type, message, again = false, pauseMs = null }) {
    super(message);
    Object.assign(this, { code, type, again, pauseMs });
  }

  get needsKey() {
    return this.code === 401 || this.type === "InvalidKeyException";
  }
}

/** The key that this tab was given, or null. */
export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
};

/** The address of a path below the page's own; `parts` are encoded. */
export function address(...parts) {
  return new URL(parts.map(encodeURIComponent).join("/"), document.baseURI).href;
}

/** The address that answers predictions of a model, or of one of its versions. */
export function predictionAddress({ model, version }) {
  return address("predictions", model, ...(version ? [version] : []));
}

/** The model's answer to a picture: `{class_name, probability, top: [...], model_version}`. */
export async function predict({ model, version, topK, picture, signal }) {
  const form = pictureForm(picture);
  form.append("top_k", String(topK));
  const answer = await post(predictionAddress({ model, version }), form, { signal, size: picture.size });
  if (!Array.isArray(answer?.top) || !answer.top.length) {
    throw new ServiceError({ code: 200, type: "UnreadableAnswer", message: "The server's answer names no classes." });
  }
  return answer;
}

/** Names of the models, the versions of one: null where the server does not say. */
export async function listModels() {
  const listed = await getJson(address("v1", "models"));
  const models = (listed?.models ?? []).map((model) => (typeof model === "string" ? model : model?.name));
  return models.filter(Boolean).length ? models.filter(Boolean) : null;
}

/** What the server says of a model: `{versions: [...]}` and more, or null where it says nothing. */
export const describeModel = (model) => getJson(address("v2", "models", model));

/** A form with a picture. No name goes along, and no type: the server tells a format by its bytes. */
export function pictureForm(picture) {
  const form = new FormData();
  form.append("image", picture.slice(0, picture.size, "application/octet-stream"), "picture");
  return form;
}

/** Posts a form and returns the JSON answer; raises ServiceError. */
export async function post(url, form, { signal, size, timeOutMs = TIME_OUT_MS }) {
  const timeOut = AbortSignal.timeout(timeOutMs);
  let response;
  let text;
  try {
    const signals = AbortSignal.any([timeOut, ...(signal ? [signal] : [])]);
    response = await fetch(url, { method: "POST", body: form, headers: headers(), signal: signals });
    text = await response.text();
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw timeOut.aborted ? timedOut(timeOutMs) : unreachable(size);
  }
  const answer = parsed(text);
  if (response.ok && answer !== undefined) return answer;
  throw refusal(response, answer);
}

/** The JSON at an address; null where the server has none. Raises ServiceError where it asks for a key. */
async function getJson(url) {
  let response;
  let answer;
  try {
    response = await fetch(url, { headers: headers(), signal: AbortSignal.timeout(10_000) });
    answer = parsed(await response.text());
  } catch {
    return null; // what a server does not list, the page asks the person for
  }
  if (response.ok) return answer ?? null;
  const error = refusal(response, answer);
  if (error.needsKey) throw error;
  return null;
}

const headers = () => ({ Accept: "application/json", ...(key.get() ? { Authorization: `Bearer ${key.get()}` } : {}) });

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(response, answer) {
  const { status } = response;
  const seconds = Number(response.headers.get("Retry-After"));
  const said = typeof answer?.message === "string" ? answer.message : answer?.error;
  return new ServiceError({
    code: status,
    type: typeof answer?.type === "string" ? answer.type : WITHOUT_TYPE[status] ?? "HttpError",
    message: typeof said === "string" && said ? said : `The server answered ${status} and gave no reason.`,
    again: status === 429 || status >= 500,
    pauseMs: status === 429 ? 1000 * (seconds > 0 ? seconds : 1) : null,
  });
}

const WITHOUT_TYPE = { 404: "NotFound", 413: "TooLarge", 429: "TooManyRequests" };

const timedOut = (timeOutMs) =>
  new ServiceError({
    code: null,
    type: "NoAnswer",
    message: `The server did not answer within ${timeOutMs / 1000} seconds.`,
    again: true,
  });

function unreachable(size) {
  const large = size > 10e6 ? ` The picture has ${bytes(size)}; servers often cut a larger one off.` : "";
  return new ServiceError({
    code: null,
    type: "Unreachable",
    message: `The server could not be reached, or closed the connection.${large}`,
    again: true,
  });
}

/** Why the server is not ready, in its own words; null where it is, or does not say. */
export async function reasonNotReady() {
  try {
    const response = await fetch(address("readyz"), { signal: AbortSignal.timeout(10_000) });
    return response.status === 503 ? parsed(await response.text())?.reason ?? null : null;
  } catch {
    return null; // the next question finds out
  }
}
