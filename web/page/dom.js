// Small ways to make elements and words. Text always goes in as text: no markup is parsed anywhere on this page.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** An element with properties and children; `data-*` and `aria-*` are set as attributes. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An icon of index.html. */
export function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  const use = document.createElementNS(namespace, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Reads a sentence out to those who listen instead of looking. */
export function say(sentence) {
  byId("says").textContent = sentence;
}

/** "97.6 %" of 0.976; what is not quite nothing or all is never shown as 0 or 100 %. */
export function percent(probability) {
  if (probability > 0 && probability < 0.001) return "< 0.1 %";
  if (probability < 1 && probability > 0.999) return "> 99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}

/** "4.2 MB" of a number of bytes. */
export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  const [unit, factor] = count < 1e6 ? ["kB", 1e3] : count < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  const number = count / factor;
  return `${number < 10 ? number.toFixed(1) : Math.round(number)} ${unit}`;
}

/** "38 ms" or "2.4 s". */
export function duration(ms) {
  return ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** "1 picture", "50 pictures". */
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
