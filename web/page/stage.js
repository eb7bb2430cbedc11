// The left-hand side: the selected picture, and the square of it that the network sees.

import { byId, bytes, h } from "./dom.js";

let shown = { frame: null, url: null };

/** Shows a frame's picture, or the invitation where there is none. */
export function showPicture(frame) {
  byId("stage").dataset.state = !frame ? "empty" : frame.answer ? "answered" : frame.state;
  byId("invite").hidden = Boolean(frame);
  byId("mount").hidden = !frame;
  if (!frame) return forget();
  if (shown.frame !== frame) {
    forget();
    shown = { frame, url: frame.picture ? URL.createObjectURL(frame.picture) : null };
    byId("print").replaceChildren(print(frame));
  }
  byId("caption").replaceChildren(...caption(frame));
}

function forget() {
  if (shown.url) URL.revokeObjectURL(shown.url);
  shown = { frame: null, url: null };
}

function print(frame) {
  const source = shown.url ?? frame.thumbnail;
  if (!source) return tile(frame);
  const image = h("img", { alt: `The picture ${frame.name}`, decoding: "async" });
  const box = h("div", { className: "box" }, image, h("i", { className: "crop", "aria-hidden": "true" }));
  image.addEventListener("load", () => {
    const { naturalWidth: width, naturalHeight: height } = image;
    box.style.setProperty("--ratio", width / height);
    box.dataset.shape = width > height ? "wide" : width < height ? "tall" : "square";
    box.toggleAttribute("data-small", Math.max(width, height) <= 96);
    box.toggleAttribute("data-loaded", true);
  });
  image.addEventListener("error", () => box.replaceWith(tile(frame)));
  image.src = source;
  return box;
}

/** In place of a picture that this browser cannot show. */
function tile({ name, picture }) {
  const extension = /\.(\w{1,5})$/.exec(name)?.[1] ?? "file";
  const why = picture ? "This browser cannot show it. The server may read it all the same." : "Not kept over the reload.";
  return h("div", { className: "tile" }, h("strong", {}, extension.toUpperCase()), h("span", {}, why));
}

function caption({ name, size, width, height, picture }) {
  const facts = [width ? `${width} × ${height}` : null, bytes(size)].filter(Boolean).join(" · ");
  const note = picture ? seen(width, height) : "A thumbnail: the picture itself is not kept over a reload.";
  return [h("bdi", { className: "file" }, name), h("span", {}, facts), note && h("span", { className: picture ? "seen" : "" }, note)].filter(Boolean);
}

const seen = (width, height) => (width && width !== height ? "The network sees the bright square." : null);
