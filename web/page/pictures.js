// Pictures in the browser: thumbnails, and smaller copies of those that the server refuses as too large.

const THUMBNAIL_PIXELS = 256; // its longer side; shown large after a reload
const COPY_PIXELS = 2048;

/** `{thumbnail, width, height}`: a data URL and the size as shown; the URL is null where the browser cannot decode it. */
export async function thumbnail(picture) {
  const bitmap = await decoded(picture);
  if (!bitmap) return { thumbnail: null, width: null, height: null };
  const { width, height } = bitmap;
  const canvas = drawn(bitmap, THUMBNAIL_PIXELS);
  bitmap.close();
  return { thumbnail: canvas.toDataURL("image/jpeg", 0.8), width, height };
}

/** A JPEG of at most 2048 pixels a side, or null where the browser cannot decode the picture. */
export async function smallerCopy(picture) {
  const bitmap = await decoded(picture);
  if (!bitmap) return null;
  const canvas = drawn(bitmap, COPY_PIXELS);
  bitmap.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

async function decoded(picture) {
  try {
    return await createImageBitmap(picture);
  } catch {
    return null; // TIFF, HEIC, no picture at all: the server may know better
  }
}

function drawn(bitmap, longestSide) {
  const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // the service composes transparency over white
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}
