// The right-hand side: what the network says of the selected frame, or why it says nothing.

import { byId, counted, duration, h, icon, percent } from "./dom.js";

const UNSURE_BELOW = 0.5;
const SCROLLS_FROM = 12; // bars
const PATIENCE_MS = 1500;

/** Shows a frame; `deeds` are what its buttons do: `again`, `allAgain`, `smaller`, `stop`; `failed` counts the retryable. */
export function showAnswer(frame, { topK, deeds, failed }) {
  const section = byId("answer");
  section.dataset.state = frame?.state ?? "empty";
  section.setAttribute("aria-busy", String(frame?.state === "asking" || frame?.state === "waiting"));
  const answered = isAnswered(frame);
  byId("deeds").hidden = !answered;
  byId("curl").hidden = !answered && frame?.state !== "failed";
  const [verdict, ranks] = parts(frame, { topK, deeds, failed });
  byId("verdict").replaceChildren(...verdict);
  byId("ranks").replaceChildren(...ranks);
}

function parts(frame, options) {
  if (!frame) return [invitation(), [ghosts()]];
  if (isAnswered(frame)) return [verdict(frame), [ranks(frame, options.topK)]];
  if (frame.state === "failed") return [refusal(frame, options), []];
  if (frame.state === "stopped") return [stopped(frame, options), []];
  return [waiting(frame, options), [ghosts()]];
}

/** While a frame is asked for more classes, its answer so far stays. */
const isAnswered = (frame) => Boolean(frame?.answer) && !["failed", "stopped"].includes(frame.state);

const invitation = () => [
  h("p", { className: "class ghostly" }, "What is it?"),
  h("p", { className: "aside" }, "The answer, and how sure the network is of it, appear here."),
];

const ghosts = () => h("div", { className: "ghosts", "aria-hidden": "true" }, ...[1, 2, 3, 4, 5].map(() => h("i")));

function verdict({ answer, ms }) {
  const { class_name: name, probability } = answer.top[0];
  const hundred = Math.round(100 * probability);
  return [
    h("p", { className: `class ${fit(name)}`, dir: "auto" }, name),
    h("p", { className: "sure" }, h("strong", {}, percent(probability)), h("span", {}, sentence(probability, hundred))),
    h("p", { className: "meta" }, `version ${answer.model_version} · answered in ${duration(ms)}`),
  ];
}

/** Long names are set smaller, so that they stand in few lines. */
function fit(name) {
  if (name.length > 40) return "longest";
  return name.length > 12 ? "long" : "";
}

function sentence(probability, hundred) {
  if (probability < UNSURE_BELOW) return "Not sure: it may be something that the network does not know.";
  return `Of 100 answers as sure as this one, about ${hundred} are right.`;
}

function ranks({ answer }, topK) {
  const rows = answer.top.slice(0, topK).map(({ class_name: name, probability }) => {
    const bar = h("i", { className: "bar", "aria-hidden": "true" }, h("b"));
    bar.firstChild.style.setProperty("--share", probability);
    return h(
      "li",
      {},
      h("span", { className: "name", dir: "auto", title: name }, name),
      bar,
      h("span", { className: "number" }, percent(probability)),
    );
  });
  const list = h("ol", { className: "bars", "aria-label": `The ${counted(rows.length, "class").replace(/s$/, "es")} that fit best` }, ...rows);
  if (rows.length < SCROLLS_FROM) return list;
  return h("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "All classes asked for" }, list);
}

function refusal({ error, picture }, { deeds, failed }) {
  const buttons = [];
  if (picture && error.again) buttons.push(button("Ask again", "again", deeds.again));
  if (error.again && failed > 1) buttons.push(button(`Ask all ${failed} again`, "again", deeds.allAgain));
  if (picture && TOO_LARGE.has(error.type)) buttons.push(button("Send a smaller copy", "shrink", deeds.smaller));
  return [
    h(
      "div",
      { className: "refusal", role: "alert" },
      h("p", { className: "code" }, [error.code, error.type].filter(Boolean).join(" ")),
      h("p", { className: "message", dir: "auto" }, error.message),
    ),
    h("div", { className: "inputs" }, ...buttons),
  ];
}

const TOO_LARGE = new Set(["TooManyBytes", "TooManyPixels", "TooLarge", "Unreachable"]);

const stopped = ({ picture }, { deeds }) => [
  h("p", { className: "class ghostly" }, "Stopped"),
  h("div", { className: "inputs" }, picture ? button("Ask again", "again", deeds.again) : null),
];

function waiting(frame, { deeds }) {
  const asked = frame.state === "asking";
  const line = h("p", { className: "aside patience" }, asked ? "" : "Waits for the pictures before it.");
  if (asked) {
    const timer = setInterval(() => {
      const ms = performance.now() - frame.askedAt;
      if (!line.isConnected) return clearInterval(timer);
      if (ms > PATIENCE_MS) line.textContent = `The server has been thinking for ${Math.round(ms / 1000)} s.`;
    }, 500);
  }
  return [
    h("p", { className: "class ghostly" }, asked ? "Looking…" : "Waiting…"),
    line,
    h("div", { className: "inputs late" }, button("Stop", null, deeds.stop)),
  ];
}

function button(text, symbol, onclick) {
  return h("button", { type: "button", onclick }, symbol && icon(symbol), text);
}
